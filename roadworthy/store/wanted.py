"""What a layer's directory has to hold: read from the headers of the layer's tar, and laid over the layers below.

The rules are those by which engines unpack: entries in their order, a later one replaces an earlier one of its path,
`.wh.NAME` removes what older layers have at NAME, `.wh..wh..opq` all that they have in its directory (OCI image-spec,
layer.md). Paths have no leading slash; the layer's own top is the empty path.
"""

from __future__ import annotations

import posixpath
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Before a name, in the tar: this name of older layers is removed. As a name: everything of older layers is.
REMOVED, OPAQUE = ".wh.", ".wh..wh..opq"
ATTRIBUTE = "SCHILY.xattr."
#: Attributes that unpacking does not set as the tar has them: overlayfs's own, and labels of the host's policy.
OF_THE_HOST = ("trusted.overlay.", "user.overlay.", "security.selinux", "security.ima", "security.evm")
KINDS = {
    tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.FIFOTYPE: stat.S_IFIFO,
    tarfile.CHRTYPE: stat.S_IFCHR, tarfile.BLKTYPE: stat.S_IFBLK,
}  # fmt: skip


@dataclass
class Inode:
    """What one inode has to be. Hard links share it, and a link's header may name another mode than its target's."""

    kind: int
    modes: set[int]
    owner: tuple[int, int]
    attributes: dict[str, bytes]
    size: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    #: The digest of its content: `sha256`, or tar-split's `crc64`, and empty where the content is judged otherwise.
    digest: tuple[str, bytes] = ("", b"")


@dataclass(frozen=True)
class Whiteout:
    """The removal of what older layers have at its path."""


@dataclass
class Layer:
    """A layer's entries in the order of its tar, and its directories that hide what older layers have in them."""

    entries: dict[str, Inode | Whiteout] = field(default_factory=dict)
    opaque: set[str] = field(default_factory=set)

    def add(self, header: tarfile.TarInfo, digest: tuple[str, bytes] = ("", b"")) -> None:
        """Take one more header of the layer's tar, with the digest of the file's content."""
        path = cleaned(header.name)
        directory, name = posixpath.split(path)
        if name == OPAQUE:
            self.opaque.add(directory)
        elif ".wh..wh." in path:
            return  # aufs's own records, which no engine unpacks
        elif name.startswith(REMOVED):
            self._put(posixpath.join(directory, name.removeprefix(REMOVED)), Whiteout())
        elif header.islnk():
            self._link(path, header)
        else:
            made = Inode(
                KINDS.get(header.type, stat.S_IFREG), {header.mode & 0o7777}, (header.uid, header.gid),
                attributes(header), target=header.linkname if header.issym() else "", digest=digest,
            )  # fmt: skip
            if made.kind == stat.S_IFREG:
                made.size = header.size
            if made.kind in (stat.S_IFCHR, stat.S_IFBLK):
                made.device = header.devmajor, header.devminor
            self._put(path, made)

    def _link(self, path: str, header: tarfile.TarInfo) -> None:
        found = self.entries.get(cleaned(header.linkname))
        if not isinstance(found, Inode):
            return  # the engine would not have unpacked it
        found.modes.add(header.mode & 0o7777)
        found.owner = header.uid, header.gid
        found.attributes.update(attributes(header))
        self._put(path, found)

    def _put(self, path: str, value: Inode | Whiteout) -> None:
        before = self.entries.get(path)
        both = isinstance(before, Inode) and isinstance(value, Inode) and before.kind == value.kind == stat.S_IFDIR
        if isinstance(before, Inode) and before.kind == stat.S_IFDIR and not both:
            for name in [name for name in self.entries if name.startswith(f"{path}/")]:
                del self.entries[name]
        self.entries[path] = value


def cleaned(name: str) -> str:
    """A path of a tar's header, relative to the layer's top, as an engine cleans it."""
    return posixpath.normpath(f"/{name}").lstrip("/")


def attributes(header: tarfile.TarInfo) -> dict[str, bytes]:
    """The extended attributes that unpacking sets. User attributes are for files and directories, see xattr(7)."""
    found = {
        name.removeprefix(ATTRIBUTE): value.encode("utf-8", "surrogateescape")
        for name, value in header.pax_headers.items() if name.startswith(ATTRIBUTE)
    }  # fmt: skip
    plain = header.isfile() or header.isdir() or header.islnk()
    return {name: value for name, value in found.items()
            if not name.startswith(OF_THE_HOST) and (plain or not name.startswith("user."))}  # fmt: skip


def laid_over(below: Mapping[str, Inode], layer: Layer) -> dict[str, Inode]:
    """The whole tree of a layer that lies over another tree, for drivers that keep whole trees."""
    tree, implied = dict(below), ancestors(below)
    for directory in layer.opaque:
        remove(tree, directory)
    for path, value in layer.entries.items():
        before = tree.get(path)
        if before is not None and before.kind != stat.S_IFDIR:
            del tree[path]
        elif not isinstance(value, Inode) or value.kind != stat.S_IFDIR:
            tree.pop(path, None)
            if before is not None or path in implied:
                remove(tree, path)
        if isinstance(value, Inode):
            tree[path] = value
    return tree


def remove(tree: dict[str, Inode], directory: str) -> None:
    """Remove everything below a directory."""
    begin = f"{directory}/" if directory else ""
    for path in [path for path in tree if path and path.startswith(begin)]:
        del tree[path]


def ancestors(paths: Iterable[str]) -> set[str]:
    """The directories that lead to these paths: an engine makes those that the tar leaves out."""
    found: set[str] = set()
    for path in paths:
        at = path.rfind("/")
        while at > 0 and path[:at] not in found:
            found.add(path[:at])
            at = path.rfind("/", 0, at)
    return found
