"""The calls of a transcript as statements of C, each of which prints what it was answered."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from roadworthy.repro.calls import Made, NoScript, Word
from roadworthy.repro.spelling import c, text

#: The most calls that a script makes, the most processes, and the most descriptors of one.
CALLS, PROCESSES, OWN = 200, 4, 256


class Translation:
    """Calls of a transcript as statements of C, one after the other. `directory` is the check's, in its container."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._maps: dict[int, int] = {}
        self._last_map: dict[str, int] = {}
        self._user: dict[str, int] = {}
        self._now = 0
        self._handle = ""
        self._processes: dict[str, int] = {}

    def statements(self, calls: Sequence[Made]) -> Iterator[str]:
        """Yield the statements. Raises NoScript."""
        if not calls:
            raise NoScript("it makes no system calls of its own")
        if len(calls) > CALLS:
            raise NoScript("it makes many calls")
        for call in calls:
            yield from self._as_user(call)
            yield self._statement(call)

    def _as_user(self, call: Made) -> Iterator[str]:
        """Change the user where the process that calls is another one's: all calls are made by one process."""
        if call.name == "become":
            self._user[call.process] = call.arguments[0]
        user = self._user.get(call.process, 0)
        if user != self._now:
            self._now = user
            yield f"seteuid(0); setegid({user}); seteuid({user});"

    def _statement(self, call: Made) -> str:
        made = STATEMENTS.get(call.name)
        if made is None:
            raise NoScript(f"it calls {call.name}")
        shown = text(f"{call.process}: {call.name}({', '.join(map(self._shown, call.arguments))})")
        return made(self, call, shown)

    def _shown(self, argument: Any) -> str:
        """An argument for the reader."""
        if isinstance(argument, Word):
            return argument.text
        if isinstance(argument, str):
            return f'"{self.path(argument)}"'
        if isinstance(argument, bytes):
            return f"{len(argument)} bytes" if len(argument) > 40 else f'"{argument.decode(errors="replace")}"'
        return str(argument)

    def path(self, name: str) -> str:
        """A path as the program has to name it, from its working directory. Raises NoScript."""
        if name.startswith("/proc/self/fd/"):
            return name
        if name.startswith("/"):
            inside = posixpath.relpath(name, self._directory)
            if inside.startswith(".."):
                raise NoScript("it uses paths of the container")
            return inside
        return name

    def name(self, call: Made, path: str) -> str:
        """A path of a call as an expression of C."""
        found = re.fullmatch(r"/proc/self/fd/(\d+)", path)
        return f"proc({self.descriptor(call, int(found[1]))})" if found else text(self.path(path))

    def descriptor(self, call: Made, number: Any) -> int:
        """The place of a descriptor of the process that calls; each has numbers of its own. Raises NoScript."""
        turn = self._processes.setdefault(call.process, len(self._processes))
        if not isinstance(number, int) or not 0 <= number < OWN or turn >= PROCESSES:
            raise NoScript("its transcript does not tell which descriptor it uses")
        return turn * OWN + number

    def fd(self, call: Made, number: Any) -> str:
        """A descriptor as an expression of C."""
        return f"descriptors[{self.descriptor(call, number)}]"

    def map_of(self, call: Made, address: int | None = None) -> str:
        """The mapping that a call is about. Raises NoScript."""
        number = self._last_map.get(call.process) if address is None else self._maps.get(address)
        if number is None or (address is None and len(self._maps) > 1):
            raise NoScript("its transcript does not tell which mapping it uses")
        return f"maps[{number}]"

    def mapped(self, call: Made) -> int:
        number = len(self._maps)
        self._maps[call.number or -number - 1] = self._last_map[call.process] = number
        return number


def opened(here: Translation, call: Made, shown: str) -> str:
    expression = f"open({here.name(call, call.arguments[0])}, {c(call.arguments[1])}, 0644)"
    if call.number is None:
        return f"said({expression}, {shown});"
    return f"said({here.fd(call, call.number)} = {expression}, {shown});"


def with_fd(form: str) -> Callable[[Translation, Made, str], str]:
    """A call whose first argument is a descriptor; `form` has {0} for it, {1} and so on for the others."""

    def statement(here: Translation, call: Made, shown: str) -> str:
        first, *others = call.arguments
        return form.format(here.fd(call, first), *map(c, others), shown=shown)

    return statement


def with_paths(form: str) -> Callable[[Translation, Made, str], str]:
    """A call whose texts are paths; `form` has {0} and so on for its arguments."""

    def statement(here: Translation, call: Made, shown: str) -> str:
        values = [here.name(call, value) if isinstance(value, str) else c(value) for value in call.arguments]
        return form.format(*values, shown=shown)

    return statement


def writing(here: Translation, call: Made, shown: str) -> str:
    number, content, *offset = call.arguments
    place = "".join(f", {c(one)}" for one in offset)
    return f"said({call.name}({here.fd(call, number)}, {text(content)}, {len(content)}{place}), {shown});"


def storing(here: Translation, call: Made, shown: str) -> str:
    name, content, mode = call.arguments
    return f"said(store({here.name(call, name)}, {text(content)}, {len(content)}, {c(mode)}), {shown});"


def linking(here: Translation, call: Made, shown: str) -> str:
    source, target = (here.name(call, one) for one in call.arguments[:2])
    flags = c(call.arguments[2]) if len(call.arguments) > 2 else "0"
    return f"said(linkat(AT_FDCWD, {source}, AT_FDCWD, {target}, {flags}), {shown});"


def symlinking(here: Translation, call: Made, shown: str) -> str:
    return f"said(symlink({text(call.arguments[0])}, {here.name(call, call.arguments[1])}), {shown});"


def setting(here: Translation, call: Made, shown: str) -> str:
    name, attribute, content, follow = call.arguments
    how = "setxattr" if follow else "lsetxattr"
    if isinstance(name, int):
        how, where = "fsetxattr", here.fd(call, name)
    else:
        where = here.name(call, name)
    return f"said({how}({where}, {text(attribute)}, {text(content)}, {len(content)}, 0), {shown});"


def getting(here: Translation, call: Made, shown: str) -> str:
    name, attribute, follow = call.arguments
    how = "getxattr" if follow else "lgetxattr"
    return f"data({how}({here.name(call, name)}, {text(attribute)}, buffer, sizeof buffer), {shown});"


def listing(here: Translation, call: Made, shown: str) -> str:
    how = "listxattr" if call.arguments[1] else "llistxattr"
    return f"attributes({how}({here.name(call, call.arguments[0])}, buffer, sizeof buffer), {shown});"


def removing(here: Translation, call: Made, shown: str) -> str:
    name, attribute, follow = call.arguments
    how = "removexattr" if follow else "lremovexattr"
    return f"said({how}({here.name(call, name)}, {text(attribute)}), {shown});"


def timing(here: Translation, call: Made, shown: str) -> str:
    name, access, change, follow = call.arguments
    flags = "0" if follow else "AT_SYMLINK_NOFOLLOW"
    return f"said(times({here.name(call, name)}, {c(access)}, {c(change)}, {flags}), {shown});"


def mapping(here: Translation, call: Made, shown: str) -> str:
    number, length, protection, flags = call.arguments
    place = f"maps[{here.mapped(call)}]"
    return (
        f"{place} = mmap(0, {c(length)}, {c(protection)}, {c(flags)}, {here.fd(call, number)}, 0); "
        f"said({place} == MAP_FAILED ? -1 : 0, {shown});"
    )


def peeking(here: Translation, call: Made, shown: str) -> str:
    size = call.arguments[0]
    return f"memcpy(buffer, {here.map_of(call)}, {size}); data({size}, {shown});"


def poking(here: Translation, call: Made, shown: str) -> str:
    content = call.arguments[0]
    return f"memcpy({here.map_of(call)}, {text(content)}, {len(content)}); said(0, {shown});"


def unmapping(here: Translation, call: Made, shown: str) -> str:
    flags = ", MS_SYNC" if call.name == "msync" else ""
    return f"said({call.name}({here.map_of(call, call.arguments[0])}, {c(call.arguments[1])}{flags}), {shown});"


def stating(here: Translation, call: Made, shown: str) -> str:
    where = here.fd(call, call.arguments[0]) if call.name == "fstat" else here.name(call, call.arguments[0])
    return f"{{ struct stat s; int r = {call.name}({where}, &s); status(r, s, {shown}); }}"


def extended(here: Translation, call: Made, shown: str) -> str:
    name, wanted = call.arguments
    if wanted == Word("STATX_BTIME"):
        return f"born({here.name(call, name)}, {shown});"
    return f"{{ struct statx s; said(statx(AT_FDCWD, {here.name(call, name)}, AT_STATX_FORCE_SYNC, 0, &s), {shown}); }}"


def handling(here: Translation, call: Made, shown: str) -> str:
    here._handle = call.answer
    return f"said(handle_of({here.name(call, call.arguments[0])}, {c(call.arguments[1])}), {shown});"


def opening_handle(here: Translation, call: Made, shown: str) -> str:
    mount, wanted, flags = call.arguments
    if here._handle != repr(wanted):
        raise NoScript("its transcript does not tell which handle it opens")
    left = f"{here.fd(call, call.number)} = " if call.number is not None else ""
    return f"said({left}open_by_handle_at({here.fd(call, mount)}, handle, {c(flags)}), {shown});"


def flagging(here: Translation, call: Made, shown: str) -> str:
    number, flags = call.arguments
    if flags is None:
        return f"flags({here.fd(call, number)}, {shown});"
    return f"{{ int flags = {c(flags)}; said(ioctl({here.fd(call, number)}, FS_IOC_SETFLAGS, &flags), {shown}); }}"


def becoming(here: Translation, call: Made, shown: str) -> str:
    return f"said(0, {shown});"


def controlling(here: Translation, call: Made, shown: str) -> str:
    number, command, argument = call.arguments
    if command != 0:  # F_DUPFD; locks and leases are of a process, and all calls are made by one
        raise NoScript("it locks or leases, for which a process of its own is needed")
    left = f"{here.fd(call, call.number)} = " if call.number is not None else ""
    return f"said({left}fcntl({here.fd(call, number)}, {c(command)}, {c(argument)}), {shown});"


def seeking(here: Translation, call: Made, shown: str) -> str:
    if call.arguments[1] > 1 << 48:  # a position in a directory, which the file system has made up
        raise NoScript("it seeks in a directory, to a position that differs from run to run")
    return f"said(lseek({here.fd(call, call.arguments[0])}, {c(call.arguments[1])}, {c(call.arguments[2])}), {shown});"


def marking(here: Translation, call: Made, shown: str) -> str:
    number, flags, mask, name = call.arguments
    where = here.name(call, name)
    return f"said(fanotify_mark({here.fd(call, number)}, {c(flags)}, {c(mask)}, AT_FDCWD, {where}), {shown});"


def starting_fanotify(here: Translation, call: Made, shown: str) -> str:
    left = f"{here.fd(call, call.number)} = " if call.number is not None else ""
    return f"said({left}fanotify_init({c(call.arguments[0])}, O_RDONLY), {shown});"


def renaming(here: Translation, call: Made, shown: str) -> str:
    source, target = (here.name(call, one) for one in call.arguments[:2])
    return f"said(renameat2(AT_FDCWD, {source}, AT_FDCWD, {target}, {c(call.arguments[2])}), {shown});"


def changing_owner(here: Translation, call: Made, shown: str) -> str:
    where, user, group = call.arguments
    if isinstance(where, int):
        return f"said(fchown({here.fd(call, where)}, {c(user)}, {c(group)}), {shown});"
    return f"said(chown({here.name(call, where)}, {c(user)}, {c(group)}), {shown});"


def copying(here: Translation, call: Made, shown: str) -> str:
    first, second, count = call.arguments
    return f"said(copy_file_range({here.fd(call, first)}, 0, {here.fd(call, second)}, 0, {c(count)}, 0), {shown});"


def cloning(here: Translation, call: Made, shown: str) -> str:
    target, origin = call.arguments
    return f"said(ioctl({here.fd(call, target)}, FICLONE, {here.fd(call, origin)}), {shown});"


def reading_link(here: Translation, call: Made, shown: str) -> str:
    if call.arguments[0].startswith("/proc/"):
        raise NoScript("it reads a path, which differs from place to place")
    return f"data(readlink({here.name(call, call.arguments[0])}, buffer, sizeof buffer), {shown});"


#: What each call of the agent is in C. Those that are not here need more than their transcript tells.
STATEMENTS: Mapping[str, Callable[[Translation, Made, str], str]] = {
    "open": opened,
    "close": with_fd("said(close({0}), {shown});"),
    "read": with_fd("data(read({0}, buffer, {1}), {shown});"),
    "pread": with_fd("data(pread({0}, buffer, {1}, {2}), {shown});"),
    "write": writing, "pwrite": writing, "store": storing,
    "load": with_paths("load({0}, {shown});"),
    "lseek": seeking,
    "ftruncate": with_fd("said(ftruncate({0}, {1}), {shown});"),
    "truncate": with_paths("said(truncate({0}, {1}), {shown});"),
    "fsync": with_fd("said(fsync({0}), {shown});"),
    "fdatasync": with_fd("said(fdatasync({0}), {shown});"),
    "fallocate": with_fd("said(posix_fallocate({0}, {1}, {2}) ? -1 : 0, {shown});"),
    "copy_file_range": copying, "ficlone": cloning,
    "fcntl": controlling,
    "stat": stating, "lstat": stating, "fstat": stating, "statx": extended,
    "access": with_paths("said(access({0}, {1}), {shown});"),
    "link": linking, "linkat": linking, "symlink": symlinking,
    "readlink": reading_link,
    "unlink": with_paths("said(unlink({0}), {shown});"),
    "rmdir": with_paths("said(rmdir({0}), {shown});"),
    "mkdir": with_paths("said(mkdir({0}, {1}), {shown});"),
    "mknod": with_paths("said(mknod({0}, {1}, {2}), {shown});"),
    "mkfifo": with_paths("said(mkfifo({0}, {1}), {shown});"),
    "rename": with_paths("said(rename({0}, {1}), {shown});"),
    "renameat2": renaming,
    "listdir": with_paths("list({0}, {shown});"),
    "chmod": with_paths("said(chmod({0}, {1}), {shown});"),
    "fchmod": with_fd("said(fchmod({0}, {1}), {shown});"),
    "chown": changing_owner,
    "lchown": with_paths("said(lchown({0}, {1}, {2}), {shown});"),
    "utimens": timing,
    "futimens": with_fd("said(futimens({0}, (struct timespec[]){{at({1}), at({2})}}), {shown});"),
    "setxattr": setting, "getxattr": getting, "listxattr": listing, "removexattr": removing,
    "ioctl_flags": flagging,
    "name_to_handle": handling, "open_by_handle": opening_handle,
    "fanotify_init": starting_fanotify, "fanotify_mark": marking,
    "mmap": mapping, "munmap": unmapping, "msync": unmapping, "peek": peeking, "poke": poking,
    "chdir": with_paths("said(chdir({0}), {shown});"),
    "umask": with_paths("umask({0});"),
    "become": becoming,
}  # fmt: skip
