"""The comparison of a layer's directory with what it has to hold: every difference is a damage with path and kind.

Times are not compared: drivers that copy trees do not keep all of them, and no power cut is told by them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from roadworthy.store.findings import Damage, Kind
from roadworthy.store.on_disk import READ, attributes_of, digest_of, opened
from roadworthy.store.wanted import OPAQUE, REMOVED, Inode, Whiteout, ancestors

NAMES = {
    stat.S_IFREG: "a file", stat.S_IFDIR: "a directory", stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a fifo",
    stat.S_IFCHR: "a character device", stat.S_IFBLK: "a block device", stat.S_IFSOCK: "a socket",
}  # fmt: skip
#: The attributes by which overlayfs and fuse-overlayfs know that a directory hides what older layers have in it.
OPAQUE_MARKS = ("trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque")
#: The one attribute that the engine's own copy of a tree keeps.
COPIED = "security.capability"


@dataclass(frozen=True)
class Form:
    """How a driver keeps a layer: as its own entries with marks for removals, or as a whole tree.

    `marked_by_names`: a removal may also be a file `.wh.NAME`. `copied`: the engine itself has copied what came from
    below, and dropped attributes. `unset` begins the names of attributes that unpacking never sets. `more`: there may
    be entries that no layer has. `top`: unpacking gives the layer's top the mode and the owner that the tar has for it.
    """

    whole: bool
    marked_by_names: bool = False
    copied: bool = False
    unset: tuple[str, ...] = ()
    more: bool = False
    top: bool = False


class Comparison:
    """One directory and what it has to hold: `own` are the entries that the layer itself brings.

    `judge_own` is whether the content of these files is still to be judged by their digests.
    """

    def __init__(
        self, form: Form, tree: Mapping[str, Inode | Whiteout], own: Collection[str], opaque: Collection[str],
        removed: Collection[str] = (), judge_own: bool = True, progress: Callable[[int], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.damages: list[Damage] = []
        self._form, self._tree, self._own, self._opaque, self._removed = form, tree, own, opaque, removed
        self._judge_own, self._progress = judge_own, progress
        self._implied = ancestors(tree) | ancestors(f"{directory}/-" for directory in opaque)
        self._seen: set[str] = set()
        #: Removals and opaque directories that a file in the layer marks, and directories for which one is looked for.
        self._marked: set[str] = set()
        self._unmarked: set[str] = set()
        #: What was expected to be a directory and cannot be entered: nothing below it is looked for.
        self._closed: set[str] = set()
        self._links: dict[int, tuple[int, int, str]] = {}

    def run(self, top: Path) -> list[Damage]:
        """Compare, and return the damages in the order of their paths."""
        try:
            with opened(f"{top}/.", flags=os.O_DIRECTORY) as directory:
                self._top(directory)
                self._directory(directory, "")
        except OSError as reason:
            self._found("", "missing" if isinstance(reason, FileNotFoundError) else "unreadable", said(reason))
            return self.damages
        self._missing()
        return sorted(self.damages, key=lambda damage: damage.path)

    def _found(self, path: str, kind: Kind, what: str) -> None:
        self.damages.append(Damage(path, kind, what))

    def _top(self, directory: int) -> None:
        wanted = self._tree.get("")
        self._seen.add("")
        if isinstance(wanted, Inode) and self._form.top:
            self._inode("", wanted, directory, "", os.fstat(directory))
        self._opacity("", directory, "")

    def _directory(self, directory: int, path: str) -> None:
        """Compare what lies in a directory, and below it, without recursion: a tree may be deep."""
        waiting = [(directory, path, iter(self._names(directory, path)))]
        try:
            while waiting:
                holder, place, names = waiting[-1]
                name = next(names, None)
                if name is None:
                    waiting.pop()
                    if waiting:
                        os.close(holder)
                    continue
                at = f"{place}/{name}" if place else name
                try:
                    if self._entry(at, holder, name):
                        below = os.open(name, READ | os.O_NOATIME | os.O_DIRECTORY, dir_fd=holder)
                        waiting.append((below, at, iter(self._names(below, at))))
                except OSError as reason:
                    self._seen.add(at)
                    self._closed.add(at)
                    self._found(at, "unreadable", said(reason))
        finally:
            for holder, _, _ in waiting[1:]:
                os.close(holder)

    def _names(self, directory: int, path: str) -> list[str]:
        try:
            with os.scandir(directory) as found:
                return sorted(entry.name for entry in found)
        except OSError as reason:
            self._closed.add(path)
            self._found(path, "unreadable", said(reason))
            return []

    def _entry(self, path: str, directory: int, name: str) -> bool:
        """Compare one entry; whether it is a directory to go on in."""
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        wanted = self._tree.get(path)
        self._seen.add(path)
        if wanted is None:
            return self._unknown(path, directory, name, status)
        if isinstance(wanted, Whiteout):
            if not is_whiteout(status):
                self._found(path, "missing whiteout", f"{NAMES[kind]} lies where the removal has to be recorded")
            return False
        if kind != wanted.kind:
            what = "a whiteout" if is_whiteout(status) else NAMES[kind]
            self._closed.add(path)
            self._found(path, "wrong type", f"{what}, expected {NAMES[wanted.kind]}")
            return False
        self._inode(path, wanted, directory, name, status)
        if kind == stat.S_IFDIR:
            self._opacity(path, directory, name)
        return kind == stat.S_IFDIR

    def _unknown(self, path: str, directory: int, name: str, status: os.stat_result) -> bool:
        """An entry that the layer's tar does not have; whether it is a directory that leads to one that it has."""
        kind = stat.S_IFMT(status.st_mode)
        if path in self._implied and kind == stat.S_IFDIR:
            self._opacity(path, directory, name)
            return True
        if kind == stat.S_IFSOCK:
            return False  # a tar has no form for it: a build may have left it
        if self._form.marked_by_names and name.startswith(REMOVED):
            place = path[: -len(name)]
            self._marked.add(f"{place}{OPAQUE}" if name == OPAQUE else place + name.removeprefix(REMOVED))
        elif path in self._removed:
            self._found(path, "missing whiteout", f"{NAMES[kind]} of a layer below is there, and was removed")
        elif not self._form.whole and is_whiteout(status):
            self._found(path, "unexpected", "a whiteout that the layer does not have hides what layers below have")
        elif not self._form.more:
            self._found(path, "unexpected", f"{NAMES[kind]} that the layer does not have")
        return False

    def _inode(self, path: str, wanted: Inode, directory: int, name: str, status: os.stat_result) -> None:
        if (mode := stat.S_IMODE(status.st_mode)) not in wanted.modes and wanted.kind != stat.S_IFLNK:
            self._found(path, "wrong mode", f"{mode:04o}, expected {min(wanted.modes):04o}")
        if (owner := (status.st_uid, status.st_gid)) != wanted.owner:
            self._found(path, "wrong owner", f"{owner[0]}:{owner[1]}, expected {wanted.owner[0]}:{wanted.owner[1]}")
        self._attributes(path, wanted, directory, name)
        if wanted.kind in (stat.S_IFCHR, stat.S_IFBLK):
            device = os.major(status.st_rdev), os.minor(status.st_rdev)
            if device != wanted.device:
                expected = f"{wanted.device[0]}:{wanted.device[1]}"
                self._found(path, "wrong device", f"{device[0]}:{device[1]}, expected {expected}")
        elif wanted.kind == stat.S_IFLNK:
            target = os.readlink(name, dir_fd=directory)
            if target != wanted.target:
                self._found(path, "wrong target", f"leads to {target!r}, expected {wanted.target!r}")
        elif wanted.kind == stat.S_IFREG:
            self._file(path, wanted, directory, name, status)

    def _attributes(self, path: str, wanted: Inode, directory: int, name: str) -> None:
        if not wanted.attributes:
            return
        found = attributes_of(directory, name)
        for attribute, value in sorted(wanted.attributes.items()):
            if attribute not in found:
                dropped = self._form.copied and path not in self._own and attribute != COPIED
                if dropped or attribute.startswith(self._form.unset):
                    continue
                self._found(path, "wrong attribute", f"{attribute} is not there, expected {value!r}")
            elif found[attribute] != value:
                self._found(path, "wrong attribute", f"{attribute} is {found[attribute]!r}, expected {value!r}")

    def _file(self, path: str, wanted: Inode, directory: int, name: str, status: os.stat_result) -> None:
        inode = status.st_dev, status.st_ino, path
        first = self._links.setdefault(id(wanted), inode)
        if first[:2] != inode[:2]:
            self._found(path, "wrong link", f"not the inode of {first[2]}, of which it is a hard link")
        if status.st_size != wanted.size:
            kind: Kind = "cut short" if status.st_size < wanted.size else "too long"
            self._found(path, kind, f"{status.st_size} bytes, expected {wanted.size}")
            return
        algorithm, digest = wanted.digest
        if not algorithm or not wanted.size or (not self._judge_own and path in self._own):
            return
        if first is not inode and first[:2] == inode[:2] and first[2] != path:
            return  # a further name of a file that was read
        with opened(name, directory) as file:
            found, zeroes, blocks = digest_of(file, algorithm)
        self._progress(wanted.size)
        if found == digest:
            return
        if zeroes == blocks:
            self._found(path, "zeroed", f"all {wanted.size} bytes are zero, and other content was expected")
        else:
            hint = f"; {zeroes} of its {blocks} blocks hold only zeroes" if zeroes else ""
            self._found(path, "changed", f"the content is not what it was, its {wanted.size} bytes are{hint}")

    def _opacity(self, path: str, directory: int, name: str) -> None:
        """Whether a directory hides what older layers have in it, as the layer says."""
        if self._form.whole:
            return
        found = attributes_of(directory, name)
        marked = any(found.get(mark) == b"y" for mark in OPAQUE_MARKS)
        if path in self._opaque and not marked and not self._form.marked_by_names:
            self._found(path, "missing whiteout", "the directory is not opaque, so what layers below have in it shows")
        elif path in self._opaque and not marked:
            self._unmarked.add(path)  # a file in it may mark it, which is known when the walk is over
        elif marked and path not in self._opaque:
            self._found(path, "unexpected", "the directory is opaque, so what layers below have in it is hidden")

    def _missing(self) -> None:
        """Name what was not seen: of a directory that is missing, the directory only."""
        for path in self._unmarked:
            if (f"{path}/{OPAQUE}" if path else OPAQUE) not in self._marked:
                what = "the directory is not opaque, so what layers below have in it shows"
                self._found(path, "missing whiteout", what)
        gone = {path for path in self._tree if path not in self._seen and path not in self._marked}
        gone |= {path for path in self._implied if path not in self._seen}
        under: dict[str, int] = {}
        for path in sorted(gone):
            if "" in self._closed or not self._closed.isdisjoint(parents(path)):
                continue
            above = next((name for name in parents(path) if name in gone), "")
            under[above or path] = under.get(above or path, -1) + 1
        for path, count in under.items():
            wanted = self._tree.get(path)
            if isinstance(wanted, Whiteout):
                self._found(path, "missing whiteout", "the removal is not recorded, so what layers below have shows")
            elif wanted is not None or count:
                named = NAMES[wanted.kind] if isinstance(wanted, Inode) else "a directory"
                self._found(
                    path, "missing", f"{named} is not there" + (f", nor {count} entries below it" * bool(count))
                )


def parents(path: str) -> list[str]:
    """The directories that lead to a path, the uppermost first."""
    return [path[:at] for at, sign in enumerate(path) if sign == "/"]


def is_whiteout(status: os.stat_result) -> bool:
    """Whether an entry is overlayfs's mark of a removal: a character device 0:0."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def said(reason: OSError) -> str:
    return os.strerror(reason.errno) if reason.errno else str(reason)
