"""System calls as strace(1) writes them."""

import pytest

from roadworthy.reports.records import Call
from roadworthy.reports.transcript import FIRST_CALLS, LAST_CALLS, TRANSCRIPT_LIMIT, line, lines

STATUS = "[49, 131200, 33206, 1, 0, 0, 0, 5, 8, 1000000000000000000, 1000000000000000005, -1]"
IN_WORDS = (
    "{st_dev=makedev(0, 0x31), st_ino=131200, st_mode=S_IFREG|0666, st_nlink=1, st_uid=0, st_gid=0, st_size=5, "
    "st_blocks=8, st_atime=1000000000.000000000, st_mtime=1000000000.000000005, st_ctime=-1.999999999}"
)


@pytest.mark.parametrize(
    ("call", "answer", "failed", "shown"),
    [
        ("open('f', O_RDWR|O_CREAT)", "3", False, "open('f', O_RDWR|O_CREAT) = 3"),
        ("close(3)", "None", False, "close(3) = 0"),
        ("umask(23)", "18", False, "umask(027) = 022"),
        ("rename('a', 'b')", "EXDEV", True, "rename('a', 'b') = -1 EXDEV (Invalid cross-device link)"),
        ("load(4 bytes)", "SIGBUS", True, "load(4 bytes) = ? (killed by SIGBUS)"),
        ("flock(3, 2)", "it did not return", True, "flock(3, 2) = ? (it did not return)"),
        ("stat('f')", STATUS, False, f"stat('f', {IN_WORDS}) = 0"),
        ("stat('f')", "ENOENT", True, "stat('f') = -1 ENOENT (No such file or directory)"),
        ("lstat('f')", "[1, 2", False, "lstat('f') = [1, 2"),
        ("stat('f')", "__import__('os')", False, "stat('f') = __import__('os')"),
        ("readlink('\x1b[31m')", "'\x1b[2J'", False, "readlink('') = ''"),
    ],
    ids=["value", "nothing", "umask", "errno", "signal", "hang", "stat", "no-stat", "cut", "hostile", "colours"],
)
def test_a_call_is_written_as_strace_writes_it(call, answer, failed, shown):
    """A refused call shows -1, the errno's name and its meaning; a status shows its fields; escapes do not get out."""
    assert line(Call("A", call, answer, failed)) == f"A  {shown}"


def test_a_device_shows_its_number():
    """`st_rdev` is shown for a device, which has one."""
    answer = "[49, 1, 8624, 1, 0, 0, 1793, 0, 0, 0, 0, 0]"
    assert "st_mode=S_IFCHR|0660, " in line(Call("A", "stat('d')", answer))
    assert "st_rdev=makedev(0x7, 0x1)" in line(Call("A", "stat('d')", answer))


def test_processes_stand_in_a_column():
    """The names of the processes have one width, so that the calls begin below each other."""
    found = lines([Call("A", "getpid()", "7"), Call("engine", "POST /images/load", "200")])
    assert found == ["A       getpid() = 7", "engine  POST /images/load = 200"]


def test_what_is_left_out_is_said_where_it_is_left_out():
    """Of a long transcript the first and the last calls are shown, and those that were not recorded are counted."""
    calls = [Call("A", f"lseek(3, {number}, 0)", str(number)) for number in range(1_000)]
    found = lines(calls, omitted=7)
    assert found[FIRST_CALLS - 1] == "A  lseek(3, 39, 0) = 39"
    left_out = 1_000 - FIRST_CALLS - LAST_CALLS
    assert found[FIRST_CALLS] == f"… {left_out} calls left out here, see the bundle"
    assert found[-2:] == ["A  lseek(3, 999, 0) = 999", "… 7 more calls, not recorded"]


def test_a_transcript_is_bounded():
    """Long answers leave room for fewer calls; the last one is kept."""
    calls = [Call("A", f"read(3, {number})", "b'" + "x" * 300 + "'") for number in range(400)]
    found = lines(calls)
    assert sum(map(len, found)) < 2 * TRANSCRIPT_LIMIT
    assert found[-1].startswith("A  read(3, 399)")
