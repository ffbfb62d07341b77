"""One recorded call in the spelling of strace(1): strings and structures of C, names in place of numbers.

A check's processes are driven by an agent whose calls carry the names and the arguments of Python's `os`. A kernel
developer reads strace, so a call is spelled as the system call that it makes. Rows of calls that belong to a check's
setting (`store` is open, write, close) are the suite's own steps: they keep their names and say what they consist of.
"""

from __future__ import annotations

import ast
import errno
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from roadworthy.reports.records import Call
from roadworthy.reports.redaction import GONE
from roadworthy.reports.text import visible

#: Characters of one call or answer that are shown; the bundle may have more.
CALL_LIMIT = 400
#: Bytes of a string that are shown, as with strace -s.
STRING_LIMIT = 48


@dataclass(frozen=True)
class Spelled:
    """A call with its arguments, and what it returned. Of a step of the suite, `steps` are the calls it consists of."""

    made: str
    returned: str
    steps: str = ""


#: The suite's own steps, with the calls that each makes.
STEPS = {
    "store": "open, write, close", "load": "open, read, close", "digest": "open, read, close",
    "listdir": "open, getdents64, close", "manifest": "lstat, listxattr and read of every file",
    "become": "setgroups, setresgid, setresuid", "run": "fork, execve, wait4", "execve": "fork, execve",
    "finish": "kill, wait4", "bind": "socket, bind, listen", "connect": "socket, connect",
    "repeat": "one call many times", "row": "calls in a row", "append_often": "open, write many times, close",
    "replace_often": "open, write, close, rename, many times", "look_often": "open, read, close, many times",
    "inotify_read": "poll, read", "fanotify_read": "poll, read", "fanotify_decide": "poll, read, write",
    "tick": "clock_gettime until it moves", "own_mounts": "unshare", "own_users": "unshare, and the maps in /proc",
    "mount_in_steps": "fsopen, fsconfig for each option, fsmount, move_mount", "umount": "umount2",
}  # fmt: skip

#: The suite's words for what a process does to its own memory: they are no system calls.
MEMORY = {"load": "a read of mapped memory", "store": "a write to mapped memory"}
#: How a program of the toolbox is started: by its own dynamic linker.
_LINKER = re.compile(r"/toolbox/lib/ld-\S+ --library-path /toolbox/lib --argv0 (\S+) \1")

_NAME = re.compile(r"(\w+)\((.*)\)", re.DOTALL)
_WORD = re.compile(r"""\s*(b?'(?:[^'\\]|\\.)*+'|b?"(?:[^"\\]|\\.)*+"|[^,()'"\[\]{}]+)\s*(,|$)""", re.DOTALL)
#: How the bundle cuts a long text in its middle, see `shortened` in calls/evidence.py.
_CUT = re.compile(r"(b'(?:[^'\\]|\\.)*?|b\"(?:[^\"\\]|\\.)*?) …\d+ more… ", re.DOTALL)
#: The fields of `struct stat` and of `struct statvfs`, in the order of an answer.
_STAT = ("dev", "ino", "mode", "nlink", "uid", "gid", "rdev", "size", "blocks", "atime", "mtime", "ctime")
_STATVFS = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "favail", "flag", "namemax")
_TYPES = {
    getattr(stat, name): name for name in ("S_IFREG", "S_IFDIR", "S_IFLNK", "S_IFCHR", "S_IFBLK", "S_IFIFO", "S_IFSOCK")
}
_ENTRIES = {1: "DT_FIFO", 2: "DT_CHR", 4: "DT_DIR", 6: "DT_BLK", 8: "DT_REG", 10: "DT_LNK", 12: "DT_SOCK"}
_MAGIC = {
    0x794C7630: "OVERLAYFS_SUPER_MAGIC", 0xEF53: "EXT4_SUPER_MAGIC", 0x58465342: "XFS_SUPER_MAGIC",
    0x9123683E: "BTRFS_SUPER_MAGIC", 0x01021994: "TMPFS_MAGIC", 0x65735546: "FUSE_SUPER_MAGIC",
    0x2FC12FC1: "ZFS_SUPER_MAGIC", 0x61756673: "AUFS_SUPER_MAGIC", 0xE0F5E1E2: "EROFS_SUPER_MAGIC_V1",
}  # fmt: skip
_FCNTL = {1024: "F_SETLEASE", 1025: "F_GETLEASE", 1026: "F_NOTIFY", 1033: "F_ADD_SEALS", 1: "F_GETFD", 2: "F_SETFD",
          3: "F_GETFL", 4: "F_SETFL"}  # fmt: skip
_LOCK = {5: "F_GETLK", 6: "F_SETLK", 7: "F_SETLKW", 36: "F_OFD_GETLK", 37: "F_OFD_SETLK", 38: "F_OFD_SETLKW"}
_LOCKED = {0: "F_RDLCK", 1: "F_WRLCK", 2: "F_UNLCK"}
_WHENCE = {0: "SEEK_SET", 1: "SEEK_CUR", 2: "SEEK_END", 3: "SEEK_DATA", 4: "SEEK_HOLE"}
_ADVICE = {0: "POSIX_FADV_NORMAL", 1: "POSIX_FADV_RANDOM", 2: "POSIX_FADV_SEQUENTIAL", 3: "POSIX_FADV_WILLNEED",
           4: "POSIX_FADV_DONTNEED", 5: "POSIX_FADV_NOREUSE"}  # fmt: skip
_PROTECTION = {1: "PROT_READ", 2: "PROT_WRITE", 4: "PROT_EXEC"}
_MAPPING = {1: "MAP_SHARED", 2: "MAP_PRIVATE", 0x10: "MAP_FIXED", 0x20: "MAP_ANONYMOUS", 0x80000: "MAP_SYNC"}
_FLOCK = {1: "LOCK_SH", 2: "LOCK_EX", 4: "LOCK_NB", 8: "LOCK_UN"}
_ACCESS = {1: "X_OK", 2: "W_OK", 4: "R_OK"}
_WATCH = {1: "IN_ACCESS", 2: "IN_MODIFY", 4: "IN_ATTRIB", 8: "IN_CLOSE_WRITE", 0x10: "IN_CLOSE_NOWRITE",
          0x20: "IN_OPEN", 0x40: "IN_MOVED_FROM", 0x80: "IN_MOVED_TO", 0x100: "IN_CREATE", 0x200: "IN_DELETE",
          0x400: "IN_DELETE_SELF", 0x800: "IN_MOVE_SELF", 0x2000: "IN_UNMOUNT", 0x4000: "IN_Q_OVERFLOW",
          0x8000: "IN_IGNORED", 0x40000000: "IN_ISDIR"}  # fmt: skip
#: Arguments that are numbers with names: by call and place, the names, and whether they are bits.
_NAMED: dict[tuple[str, int], tuple[dict[int, str], bool]] = {
    ("lseek", 2): (_WHENCE, False), ("flock", 1): (_FLOCK, True), ("fcntl", 1): (_FCNTL, False),
    ("access", 1): (_ACCESS, True), ("fadvise", 3): (_ADVICE, False), ("inotify_add_watch", 2): (_WATCH, True),
}  # fmt: skip


def spelled(call: Call) -> Spelled:
    """The call as strace writes it; what it does not understand stays as it was recorded."""
    name, words = parsed(call.call)
    told = refusal if call.failed else plainly
    if words is None:
        return Spelled(visible(call.call, CALL_LIMIT), told(call.answer), STEPS.get(name, ""))
    if name in MEMORY and len(words) == 1:
        return Spelled(f"{name}({words[0]})", told(call.answer), MEMORY[name])
    if name in STEPS:
        return _step(name, words, call)
    form = _FORMS.get(name)
    answer = None if call.failed else literal(call.answer)
    found = _formed(form, words, answer) if form else None
    if found is None:
        return Spelled(f"{name}({', '.join(_names(name, words))})", told(call.answer))
    made, returned = found
    if call.failed:
        return Spelled(made, refusal(call.answer))
    return Spelled(made, plainly(call.answer) if returned is None else returned)


def _formed(form: Form, words: list[str], answer: object) -> tuple[str, str | None] | None:
    """What a form makes of a call; None if its arguments are not those of the form."""
    try:
        return form(words, answer)
    except (IndexError, ValueError):
        return None


def refusal(word: str) -> str:
    """What a call returned that was refused with this errno, that a signal ended, or that did not return."""
    if isinstance(number := getattr(errno, word, None), int):
        return f"-1 {word} ({os.strerror(number)})"
    if re.fullmatch(r"SIG[A-Z0-9]+", word):
        return f"? (killed by {word})"
    return f"? ({visible(word, CALL_LIMIT)})"


def plainly(answer: str) -> str:
    """An answer that no form of a call takes apart: 0 for nothing, bytes as a string of C."""
    if answer == "None":
        return "0"
    value = literal(answer)
    return string(value) if isinstance(value, bytes | str) else _beginning(answer) or visible(answer, CALL_LIMIT)


#: An answer that is no literal.
_UNREADABLE = object()


def literal(text: str) -> object:
    """The value of a recorded literal, or `_UNREADABLE`; a literal that was cut short is none."""
    if len(text) > 1 << 20:
        return _UNREADABLE
    return _often(text) if len(text) <= OFTEN else _literal(text)


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _UNREADABLE


#: Texts up to this length are taken apart once: a check says the same to every lane.
OFTEN = 200
_often = lru_cache(8192)(_literal)


def parsed(text: str) -> tuple[str, list[str] | None]:
    """The name of a recorded call, and its arguments as C writes them; None if they are not a plain list."""
    name, words = _often_parsed(text) if len(text) <= OFTEN else _parsed(text)
    return name, None if words is None else [*words]


def _parsed(text: str) -> tuple[str, list[str] | None]:
    found = _NAME.fullmatch(text)
    if found is None or len(text) > 1 << 20:
        return text.partition("(")[0], None
    words: list[str] = []
    at, rest = 0, found[2]
    while at < len(rest):
        word = _WORD.match(rest, at)
        if word is None:
            return found[1], None
        words.append(_word(word[1].strip()))
        at = word.end()
    return found[1], words


_often_parsed = lru_cache(8192)(_parsed)


class _Word(str):
    """An argument as C writes it; `size` is how many bytes a string has, if all of them are recorded."""

    size: int | None = None


def _word(text: str) -> _Word:
    if text[-1:] not in ("'", '"'):
        return _Word(visible(text, CALL_LIMIT))
    value = literal(text)
    if not isinstance(value, str | bytes):
        return _Word(_beginning(text) or visible(text, CALL_LIMIT))
    found = _Word(string(value))
    found.size = len(os.fsencode(value)) if isinstance(value, str) else len(value)
    return found


def _beginning(text: str) -> str:
    """Bytes that the bundle has cut short, as strace shows a long string; empty for everything else."""
    found = _CUT.match(text)
    value = literal(f"{found[1]}{text[1]}") if found else None
    return f"{string(value).removesuffix('...')}..." if isinstance(value, bytes) else ""


def string(value: str | bytes) -> str:
    """A text or bytes as strace prints it: escapes of C, the first bytes only, `...` for the rest."""
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    shown = "".join(map(_byte, raw[:STRING_LIMIT])).replace(_HIDDEN, GONE)
    return f'"{shown}"' + ("..." if len(raw) > STRING_LIMIT else "")


#: How the mark of a text that is not published would be spelled.
_HIDDEN = "\\342\\200\\246"


def _byte(byte: int) -> str:
    short = {9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\"}
    return short.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}")


def bits(value: str, names: dict[int, str]) -> str:
    """A number as names joined by |; what has no name stays a number."""
    if not value.isdecimal():
        return value
    number = int(value)
    found = [name for bit, name in names.items() if number & bit]
    rest = number & ~sum(names)
    return "|".join([*found, *([f"{rest:#x}"] if rest or not found else [])])


def _named(value: str, names: dict[int, str]) -> str:
    return names.get(int(value), value) if value.isdecimal() else value


def _names(name: str, words: Sequence[str]) -> list[str]:
    found = list(words)
    for place, word in enumerate(found):
        if (name, place) in _NAMED:
            names, many = _NAMED[name, place]
            found[place] = bits(word, names) if many else _named(word, names)
    return found


def _step(name: str, words: list[str], call: Call) -> Spelled:
    """A step of the suite's own; of a program, what a shell would be told, and its exit status with its output."""
    if name == "store" and len(words) == 3 and words[-1].isdecimal():
        words = [*words[:-1], f"{int(words[-1]):#o}".replace("0o", "0")]
    made = _LINKER.sub(r"\1", f"{name}({', '.join(words)})")
    answer = None if call.failed else literal(call.answer)
    if name == "run" and isinstance(answer, list) and len(answer) == 2 and isinstance(answer[1], bytes):
        return Spelled(made, f"{answer[0]}{f', {string(answer[1])}' if answer[1] else ''}", STEPS[name])
    return Spelled(made, refusal(call.answer) if call.failed else plainly(call.answer), STEPS[name])


Form = Callable[[list[str], object], tuple[str, str | None] | None]


def _read(name: str) -> Form:
    def form(words: list[str], answer: object) -> tuple[str, str | None] | None:
        if isinstance(answer, bytes):
            return f"{name}({', '.join([words[0], string(answer), *words[1:]])})", str(len(answer))
        return f"{name}({', '.join(words)})", None

    return form


def _write(name: str) -> Form:
    """A write, whose length strace prints; it is known where all of the data are recorded."""

    def form(words: list[str], answer: object) -> tuple[str, str | None] | None:
        size = getattr(words[1], "size", None)
        more = [] if size is None else [str(size)]
        return f"{name}({', '.join([*words[:2], *more, *words[2:]])})", None

    return form


def _stat(name: str) -> Form:
    def form(words: list[str], answer: object) -> tuple[str, str | None] | None:
        made = ", ".join(words)
        status = _status(answer)
        return (f"{name}({made}, {status})", "0") if status else (f"{name}({made})", None)

    return form


def _status(answer: object) -> str:
    """A `struct stat` in words, or an empty string if the answer is none."""
    if not isinstance(answer, list) or len(answer) != len(_STAT) or not all(type(value) is int for value in answer):
        return ""
    found = dict(zip(_STAT, answer, strict=True))
    if not found["rdev"]:  # only a device has one
        del found["rdev"]
    return "{" + ", ".join(f"st_{name}={_field(name, value)}" for name, value in found.items()) + "}"


def _field(name: str, value: int) -> str:
    if name in ("dev", "rdev") and 0 <= value < 1 << 64:
        return f"makedev({_hexadecimal(os.major(value))}, {_hexadecimal(os.minor(value))})"
    if name == "mode":
        return _kind_and_mode(value)
    return _seconds(value) if name.endswith("time") else str(value)


def _kind_and_mode(value: int) -> str:
    kind = _TYPES.get(stat.S_IFMT(value))
    return f"{kind}|{stat.S_IMODE(value):#o}".replace("0o", "0") if kind else f"0{value:o}"


def _seconds(value: int) -> str:
    seconds, nanoseconds = divmod(value, 10**9)
    return f"{seconds}.{nanoseconds:09d}"


def _hexadecimal(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _address(word: str) -> str:
    return f"{int(word):#x}" if word.isdecimal() else word


def _time(word: str) -> str:
    if not re.fullmatch(r"-?\d+", word):
        return word
    seconds, nanoseconds = divmod(int(word), 10**9)
    return f"{{tv_sec={seconds}, tv_nsec={nanoseconds}}}"


def _followed(name: str) -> Form:
    """A call on an extended attribute, whose last argument says whether a link is followed."""

    def form(words: list[str], answer: object) -> tuple[str, str | None] | None:
        *rest, follow = words
        more, returned = [], None
        if isinstance(answer, bytes):
            more, returned = [string(answer)], str(len(answer))
        elif isinstance(answer, list) and all(isinstance(one, str) for one in answer):
            listed = b"".join(os.fsencode(one) + b"\0" for one in answer)
            more, returned = [string(listed)], str(len(listed))
        elif name == "setxattr":
            more = ["0"]
        return f"{'' if follow == 'True' else 'l'}{name}({', '.join([*rest, *more])})", returned

    return form


def _getdents(words: list[str], answer: object) -> tuple[str, str | None] | None:
    shaped = isinstance(answer, list) and all(isinstance(one, list) and len(one) == 4 for one in answer)
    if not isinstance(answer, list) or not shaped:
        return f"getdents64({', '.join(words)})", None
    entries = [
        f"{{d_ino={ino}, d_off={off}, d_type={_ENTRIES.get(kind, kind)}, d_name={string(str(name))}}}"
        for ino, off, kind, name in answer
    ]
    # A record is 19 bytes, the name and its zero, in multiples of eight: struct linux_dirent64.
    size = sum((19 + len(os.fsencode(str(name))) + 8) & ~7 for *_, name in answer)
    return f"getdents64({words[0]}, [{', '.join(entries)}], {', '.join(words[1:])})", str(size)


def _statfs(words: list[str], answer: object) -> tuple[str, str | None] | None:
    if not isinstance(answer, list) or len(answer) != 2 or not all(type(one) is int for one in answer):
        return f"statfs({', '.join(words)})", None
    kind, longest = answer
    return f"statfs({words[0]}, {{f_type={_MAGIC.get(kind, f'{kind:#x}')}, f_namelen={longest}}})", "0"


def _statvfs(words: list[str], answer: object) -> tuple[str, str | None] | None:
    if not isinstance(answer, list) or len(answer) != len(_STATVFS):
        return f"statvfs({', '.join(words)})", None
    fields = ", ".join(f"f_{name}={value}" for name, value in zip(_STATVFS, answer, strict=True))
    return f"statvfs({words[0]}, {{{fields}}})", "0"


def _statx(words: list[str], answer: object) -> tuple[str, str | None] | None:
    path, asked = words
    flags, mask = (asked, "0") if asked.startswith("AT_") else ("0", asked)
    made = f"statx(AT_FDCWD, {path}, {flags}, {mask}"
    if not isinstance(answer, list) or len(answer) != 2 or not all(type(one) is int for one in answer):
        return f"{made})", None
    born = f", stx_btime={_seconds(answer[1])}" if mask == "STATX_BTIME" else ""
    return f"{made}, {{stx_mask={answer[0]:#x}{born}}})", "0"


def _mmap(words: list[str], answer: object) -> tuple[str, str | None] | None:
    descriptor, length, protection, flags = words
    made = f"mmap(NULL, {length}, {bits(protection, _PROTECTION)}, {bits(flags, _MAPPING)}, {descriptor}, 0)"
    return made, f"{answer:#x}" if type(answer) is int else None


def _mincore(words: list[str], answer: object) -> tuple[str, str | None] | None:
    cached = f", /* {answer} pages are cached */" if type(answer) is int else ""
    return f"mincore({_address(words[0])}, {words[1]}{cached})", "0" if cached else None


def _record_lock(words: list[str], answer: object) -> tuple[str, str | None] | None:
    descriptor, command, kind, start, length = words
    left = str(answer) if _named(command, _LOCK).endswith("GETLK") and type(answer) is int else kind
    lock = f"{{l_type={_named(left, _LOCKED)}, l_whence=SEEK_SET, l_start={start}, l_len={length}}}"
    return f"fcntl({descriptor}, {_named(command, _LOCK)}, {lock})", "0" if type(answer) is int else None


def _umask(words: list[str], answer: object) -> tuple[str, str | None] | None:
    made = f"umask(0{int(words[0]):o})" if words[0].isdecimal() else f"umask({words[0]})"
    return made, f"0{answer:o}" if type(answer) is int and answer >= 0 else None


def _mknod(words: list[str], answer: object) -> tuple[str, str | None] | None:
    path, mode, device = words
    shown = _kind_and_mode(int(mode, 8)) if re.fullmatch(r"[0-7]+", mode) else mode
    if re.fullmatch(r"0x[0-9a-f]+", device):
        number = int(device, 16)
        device = f"makedev({_hexadecimal(os.major(number))}, {_hexadecimal(os.minor(number))})"
    return f"mknod({path}, {shown}, {device})", None


def _mkfifo(words: list[str], answer: object) -> tuple[str, str | None] | None:
    path, mode = words
    return f"mknod({path}, {_kind_and_mode(stat.S_IFIFO | int(mode)) if mode.isdecimal() else mode})", None


def _pipe(words: list[str], answer: object) -> tuple[str, str | None] | None:
    return (f"pipe2({answer}, O_CLOEXEC)", "0") if isinstance(answer, list) else ("pipe2(O_CLOEXEC)", None)


def _readlink(words: list[str], answer: object) -> tuple[str, str | None] | None:
    if not isinstance(answer, str):
        return f"readlink({words[0]})", None
    return f"readlink({words[0]}, {string(answer)})", str(len(os.fsencode(answer)))


def _getcwd(words: list[str], answer: object) -> tuple[str, str | None] | None:
    return (f"getcwd({string(answer)})", str(len(os.fsencode(answer)) + 1)) if isinstance(answer, str) else None


def _ioctl_flags(words: list[str], answer: object) -> tuple[str, str | None] | None:
    if words[1] != "None":
        return f"ioctl({words[0]}, FS_IOC_SETFLAGS, [{int(words[1]):#x}])", None
    if type(answer) is not int:
        return f"ioctl({words[0]}, FS_IOC_GETFLAGS)", None
    return f"ioctl({words[0]}, FS_IOC_GETFLAGS, [{answer:#x}])", "0"


def _as(pattern: str) -> Form:
    """A call with its arguments in other places: `{0}` is the first."""
    return lambda words, answer: (pattern.format(*words), None)


_FORMS: dict[str, Form] = {
    "read": _read("read"), "pread": _read("pread64"), "pread_aligned": _read("pread64"), "pwrite": _write("pwrite64"),
    "pwrite_aligned": _write("pwrite64"), "write": _write("write"), "stat": _stat("stat"), "lstat": _stat("lstat"),
    "fstat": _stat("fstat"), "statfs": _statfs, "statvfs": _statvfs, "statx": _statx, "mmap": _mmap,
    "munmap": lambda words, answer: (f"munmap({_address(words[0])}, {words[1]})", None),
    "msync": lambda words, answer: (f"msync({_address(words[0])}, {words[1]}, MS_SYNC)", None), "mincore": _mincore,
    "record_lock": _record_lock, "umask": _umask, "mknod": _mknod, "mkfifo": _mkfifo, "pipe": _pipe,
    "readlink": _readlink, "getcwd": _getcwd, "ioctl_flags": _ioctl_flags, "getdents": _getdents,
    "getxattr": _followed("getxattr"), "setxattr": _followed("setxattr"), "listxattr": _followed("listxattr"),
    "removexattr": _followed("removexattr"), "ficlone": _as("ioctl({0}, FICLONE, {1})"),
    "linkat": _as("linkat(AT_FDCWD, {0}, AT_FDCWD, {1}, {2})"),
    "renameat2": _as("renameat2(AT_FDCWD, {0}, AT_FDCWD, {1}, {2})"),
    "copy_file_range": _as("copy_file_range({0}, NULL, {1}, NULL, {2}, 0)"),
    "splice": _as("splice({0}, NULL, {1}, NULL, {2}, 0)"), "sendfile": _as("sendfile({0}, {1}, [{2}], {3})"),
    "fadvise": lambda words, answer: (f"fadvise64({', '.join(_names('fadvise', words))})", None),
    "utimens": lambda words, answer: (
        f"utimensat(AT_FDCWD, {words[0]}, [{_time(words[1])}, {_time(words[2])}], "
        f"{'0' if words[3] == 'True' else 'AT_SYMLINK_NOFOLLOW'})", None,
    ),
    "futimens": lambda words, answer: (
        f"utimensat({words[0]}, NULL, [{_time(words[1])}, {_time(words[2])}], 0)", None
    ),
    "inotify_init": lambda words, answer: ("inotify_init1(IN_NONBLOCK)", None),
    "name_to_handle": _as("name_to_handle_at(AT_FDCWD, {0}, {1})"),
    "open_by_handle": _as("open_by_handle_at({0}, {1}, {2})"),
    "fanotify_mark": _as("fanotify_mark({0}, {1}, {2}, AT_FDCWD, {3})"),
}  # fmt: skip
