"""System calls as strace(1) writes them."""

import json
from pathlib import Path

import pytest

from roadworthy.reports.records import Call
from roadworthy.reports.strace import spelled

STATUS = "[49, 131200, 33206, 1, 0, 0, 0, 5, 8, 1000000000000000000, 1000000000000000005, -1]"
IN_WORDS = (
    "{st_dev=makedev(0, 0x31), st_ino=131200, st_mode=S_IFREG|0666, st_nlink=1, st_uid=0, st_gid=0, st_size=5, "
    "st_blocks=8, st_atime=1000000000.000000000, st_mtime=1000000000.000000005, st_ctime=-1.999999999}"
)
CUT = "b'" + "x" * 140 + " …1234 more… " + "y" * 140 + "'"

#: What a call is recorded as, its answer (`!` before the errno of a refusal), and what strace would print.
SPELLED = {
    "value": ("open('f', O_RDWR|O_CREAT)", "3", 'open("f", O_RDWR|O_CREAT) = 3'),
    "nothing": ("close(3)", "None", "close(3) = 0"),
    "umask": ("umask(23)", "18", "umask(027) = 022"),
    "errno": ("rename('a', 'b')", "!EXDEV", 'rename("a", "b") = -1 EXDEV (Invalid cross-device link)'),
    "hang": ("flock(3, 6)", "!it did not return", "flock(3, LOCK_EX|LOCK_NB) = ? (it did not return)"),
    "stat": ("stat('f')", STATUS, f'stat("f", {IN_WORDS}) = 0'),
    "no stat": ("stat('f')", "!ENOENT", 'stat("f") = -1 ENOENT (No such file or directory)'),
    "device": (
        "stat('d')", "[49, 1, 8624, 1, 0, 0, 1793, 0, 0, 0, 0, 0]",
        'stat("d", {st_dev=makedev(0, 0x31), st_ino=1, st_mode=S_IFCHR|0660, st_nlink=1, st_uid=0, st_gid=0, '
        "st_rdev=makedev(0x7, 0x1), st_size=0, st_blocks=0, st_atime=0.000000000, st_mtime=0.000000000, "
        "st_ctime=0.000000000}) = 0",
    ),
    "read": ("pread(3, 4, 0)", "b'new'", 'pread64(3, "new", 4, 0) = 3'),
    "escapes": ("write(3, b'a\\n\"')", "3", 'write(3, "a\\n\\"", 3) = 3'),
    "no space": ("pwrite(3, b'new', 8)", "!ENOSPC", 'pwrite64(3, "new", 3, 8) = -1 ENOSPC (No space left on device)'),
    "map": (
        "mmap(3, 4096, 3, 1)", "140178884689920",
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = 0x7f7df0a08000",
    ),
    "lock": (
        "record_lock(4, 6, 1, 0, 0)", "1",
        "fcntl(4, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=0}) = 0",
    ),
    "directory": (
        "getdents(4, 32768)", "[[9, 1, 8, 'file']]",
        'getdents64(4, [{d_ino=9, d_off=1, d_type=DT_REG, d_name="file"}], 32768) = 24',
    ),
    "magic": ("statfs('.')", "[2035054128, 255]", 'statfs(".", {f_type=OVERLAYFS_SUPER_MAGIC, f_namelen=255}) = 0'),
    "exchange": (
        "renameat2('a', 'b', RENAME_EXCHANGE)", "None", 'renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE) = 0'
    ),
    "list": ("listxattr('f', False)", "['user.a', 'user.b']", 'llistxattr("f", "user.a\\000user.b\\000") = 14'),
    "node": ("mknod('d', 020600, 0x103)", "None", 'mknod("d", S_IFCHR|0600, makedev(0x1, 0x3)) = 0'),
}  # fmt: skip
#: What does not have the form of a call that is known.
LEFT = {
    "cut": ("stat('f')", "[1, 2", 'stat("f") = [1, 2'),
    "code": ("stat('f')", "__import__('os')", "stat(\"f\") = __import__('os')"),
    "arguments": ("mmap(3)", "7", "mmap(3) = 7"),
    "engine": ("POST /images/load", "200", "POST /images/load = 200"),
    "nested": ("rename('a', ('b'))", "None", "rename('a', ('b')) = 0"),
    "colours": ("readlink('\\x1b[31m')", "'\\x1b[2J'", 'readlink("\\033[31m", "\\033[2J") = 4'),
    "terminal": ("\x1b[2J", "\x1b[2J", " = "),
    "long data": (f"write(3, {CUT})", "1514", f'write(3, "{"x" * 48}"...) = 1514'),
    "long answer": ("pread(3, 4096, 0)", CUT, f'pread64(3, 4096, 0) = "{"x" * 48}"...'),
}
STEPS = {
    "store": ("store('f', b'data', 420)", "None", 'store("f", "data", 0644) = 0'),
    "load": ("load('f')", "b'data'", 'load("f") = "data"'),
    "run": (
        "run(/toolbox/lib/ld-linux.so.2 --library-path /toolbox/lib --argv0 /toolbox/bin/mv /toolbox/bin/mv d e)",
        "[0, b'']", "run(/toolbox/bin/mv d e) = 0",
    ),
    "memory": ("load(4 bytes)", "!SIGBUS", "load(4 bytes) = ? (killed by SIGBUS)"),
}  # fmt: skip


def of(call: str, answer: str) -> tuple[str, str]:
    found = spelled(Call("A", call, answer.removeprefix("!"), answer.startswith("!")))
    return f"{found.made} = {found.returned}", found.steps


@pytest.mark.parametrize("name", SPELLED)
def test_a_call_is_written_as_strace_writes_it(name):
    """A refused call shows -1, the errno's name and its meaning; structures show fields by name, flags their names."""
    call, answer, shown = SPELLED[name]
    assert of(call, answer) == (shown, "")


@pytest.mark.parametrize("name", LEFT)
def test_what_is_no_plain_call_stays_as_it_was_recorded(name):
    """Nothing that a container wrote is evaluated; what does not fit a form is shown as it is, without escapes."""
    call, answer, shown = LEFT[name]
    assert of(call, answer)[0] == shown


@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_the_suite_says_what_it_consists_of(name):
    """A step that stands for several calls keeps its name, and is told from a system call."""
    call, answer, shown = STEPS[name]
    made, steps = of(call, answer)
    assert made == shown
    assert steps


def test_every_call_of_a_real_run_is_understood():
    """The calls of a recorded run are spelled without Python's quotes; only rows of calls keep them."""
    calls = json.loads((Path(__file__).parent / "calls.json").read_text())
    assert len(calls) > 80
    left = [call for call, answer in calls if "'" in of(call, answer)[0].partition(" = ")[0]]
    assert [call for call in left if not call.startswith("row(")] == []
