"""Image layers as values, and the archive that an engine loads.

A tree is a mapping from paths to entries; an image is a list of trees, the lowest first. We write the archive ourselves
(PAX tar, see pax(1) and the OCI image-spec's layer.md) because `docker build` needs a network or an image to start
from, and because `docker commit` of 20.10 drops sub-second times and user.* attributes, so that a check would not find
in a layer what it put there.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import BinaryIO

#: The times of an entry that names none: 2001-09-09, which distinguishes "was not touched" from "is new".
LONG_AGO_NS = 1_000_000_000 * 10**9


@dataclass(frozen=True, kw_only=True, repr=False)
class Entry:
    """The fields of every entry. `mtime_ns` is nanoseconds since the epoch; `xattrs` are raw values by full name."""

    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = LONG_AGO_NS
    xattrs: Mapping[str, bytes] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.xattrs is None:
            object.__setattr__(self, "xattrs", {})

    def __repr__(self) -> str:
        """The call that makes the entry, with the arguments that are not the defaults."""
        plain = type(self)()
        fields = [
            f"{name}={f'0o{found:o}' if name == 'mode' else repr(found)}"
            for name in self.__dataclass_fields__
            if (found := getattr(self, name)) != getattr(plain, name)
        ]
        return f"{type(self).__name__}({', '.join(fields)})"


@dataclass(frozen=True, repr=False)
class File(Entry):
    """A regular file with this content."""

    content: bytes = b""


@dataclass(frozen=True, repr=False)
class SparseFile(Entry):
    """A regular file of `size` bytes that ends in `tail` and is a hole before it.

    Tar has no portable form for holes, so the archive carries zeroes, and the holes are dug in the layer after loading.
    """

    size: int = 0
    tail: bytes = b""


@dataclass(frozen=True, repr=False)
class Directory(Entry):
    """A directory; its children are entries of their own."""

    mode: int = field(default=0o755, kw_only=True)


@dataclass(frozen=True, repr=False)
class Symlink(Entry):
    """A symbolic link to `target`, which is not followed or checked."""

    target: str = ""
    mode: int = field(default=0o777, kw_only=True)


@dataclass(frozen=True, repr=False)
class Hardlink(Entry):
    """Another name of `target`, a path of the same tree. Mode, owner, times and attributes are the target's."""

    target: str = ""


@dataclass(frozen=True, repr=False)
class Fifo(Entry):
    """A named pipe."""


@dataclass(frozen=True, repr=False)
class Device(Entry):
    """A character device (`block=False`) or a block device."""

    major: int = 0
    minor: int = 0
    block: bool = False


@dataclass(frozen=True, repr=False)
class Socket(Entry):
    """A unix socket. No image archive can hold one (OCI image-spec, layer.md, "File Types"): writing it raises."""


@dataclass(frozen=True, repr=False)
class Whiteout(Entry):
    """The removal of what an older layer has at this path (`.wh.` marker, OCI image-spec, layer.md)."""


@dataclass(frozen=True, repr=False)
class Opaque(Directory):
    """A directory that hides everything older layers have in it (`.wh..wh..opq`, OCI image-spec, layer.md)."""


Tree = Mapping[str, Entry | bytes]
#: The names of what a tree may hold besides bytes.
ENTRIES = [kind.__name__ for kind in (Device, Directory, Fifo, File, Hardlink, Opaque, Socket, SparseFile, Symlink,
                                      Whiteout)]  # fmt: skip


def entry(value: Entry | bytes) -> Entry:
    """The entry of a value; bytes stand for a regular file with this content."""
    return File(value) if isinstance(value, bytes) else value


def mistake_in(tree: Mapping[str, object], *, archived: bool) -> str:
    """What no directory can be made of in a tree, and what it may hold; an empty string for a tree that is right.

    A tree that is `archived` in an image may hold less.
    """
    for path, value in tree.items():
        if not isinstance(value, Entry | bytes):
            said = f"{path!r} is a {type(value).__name__}: a tree maps paths to bytes or to {', '.join(ENTRIES)}"
            return said + f"; what lies in a directory is '{path}/NAME' of its tree" * isinstance(value, Mapping)
        if path.startswith("/") or not path or ".." in PurePosixPath(path).parts:
            return f"{path!r} is no path below the check's directory"
        if archived and isinstance(value, Socket):
            return f"{path!r} is a Socket, for which an image archive has no form: make it in the check"
        if isinstance(value, Hardlink) and not isinstance(tree.get(value.target), Entry | bytes):
            return f"{path!r} is a Hardlink to {value.target!r}, which is not in the tree"
    return ""


def acl(*rules: tuple[int, int, int | None]) -> bytes:
    """A POSIX ACL in the form of the system.posix_acl_* attributes: rules of (tag, permissions, id or None).

    Version 2, little-endian, see the kernel's include/uapi/linux/posix_acl_xattr.h. Tags: 1 owner, 2 a user, 4 group,
    8 a group, 16 mask, 32 others.
    """
    packed = [struct.pack("<HHI", tag, bits, 0xFFFFFFFF if who is None else who) for tag, bits, who in rules]
    return struct.pack("<I", 2) + b"".join(packed)


def acl_rules(raw: bytes) -> list[tuple[int, int, int | None]]:
    """The rules of a POSIX ACL that `acl` has made."""
    found = struct.iter_unpack("<HHI", raw[4:])
    return [(tag, bits, None if who == 0xFFFFFFFF else who) for tag, bits, who in found]


def file_capability(permitted: int) -> bytes:
    """A security.capability attribute, revision 2, effective, with these permitted bits. See capabilities(7)."""
    return struct.pack("<IIIII", 0x02000001, permitted & 0xFFFFFFFF, 0, permitted >> 32, 0)


def build_context(dockerfile: Sequence[str], files: Tree) -> bytes:
    """The context of `docker build`: a tar with the Dockerfile, and the files that it copies in `context`."""
    return layer_tar({**beneath("context", files), "Dockerfile": entry("\n".join(dockerfile).encode())})


def beneath(prefix: str, tree: Tree) -> dict[str, Entry]:
    """`tree` moved into the directory `prefix`, with all parent directories of its entries."""
    moved: dict[str, Entry] = {}
    for path, value in tree.items():
        found = entry(value)
        if isinstance(found, Hardlink):
            found = replace(found, target=f"{prefix}/{found.target}")
        whole = str(PurePosixPath(prefix, path))
        at = whole.find("/")
        while at > 0:
            moved.setdefault(whole[:at], Directory())
            at = whole.find("/", at + 1)
        moved[whole] = found
    moved.setdefault(prefix, Directory())
    return moved


def members(tree: Mapping[str, Entry]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Yield the tar members of one layer: parents before children, link targets before links. Raises ValueError."""
    for path in sorted(tree, key=lambda name: (isinstance(tree[name], Hardlink), PurePosixPath(name).parts)):
        value = tree[path]
        if isinstance(value, Whiteout):
            place = PurePosixPath(path)
            yield marker(str(place.with_name(f".wh.{place.name}"))), b""
            continue
        yield member(path, dressed_as_its_target(path, value, tree) if isinstance(value, Hardlink) else value)
        if isinstance(value, Opaque):
            yield marker(f"{path}/.wh..wh..opq"), b""


def dressed_as_its_target(path: str, link: Hardlink, tree: Mapping[str, Entry]) -> Hardlink:
    """A hard link with its target's metadata, as an engine applies a link's header to the inode that both share."""
    target: Entry | None = link
    while isinstance(target, Hardlink):
        target = tree.get(target.target)
    if target is None:
        raise ValueError(f"{path}: a hard link to {link.target}, which this layer does not have")
    return replace(
        link, mode=target.mode, uid=target.uid, gid=target.gid, mtime_ns=target.mtime_ns, xattrs=target.xattrs
    )


def marker(path: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(path)
    made.mtime = LONG_AGO_NS // 10**9
    return made


def member(path: str, value: Entry) -> tuple[tarfile.TarInfo, bytes]:
    """One entry as a tar member and its content. Raises ValueError for a kind that tar cannot hold."""
    made = tarfile.TarInfo(path)
    made.mode, made.uid, made.gid = value.mode, value.uid, value.gid
    seconds, nanoseconds = divmod(value.mtime_ns, 10**9)
    made.mtime = seconds
    headers = {f"SCHILY.xattr.{name}": raw.decode("utf-8", "surrogateescape") for name, raw in value.xattrs.items()}
    made.pax_headers = headers | ({"mtime": f"{seconds}.{nanoseconds:09d}"} if nanoseconds else {})
    content = b""
    match value:
        case File():
            content = value.content
        case SparseFile():
            content = bytes(value.size - len(value.tail)) + value.tail
        case Directory():
            made.type = tarfile.DIRTYPE
        case Symlink():
            made.type, made.linkname = tarfile.SYMTYPE, value.target
        case Hardlink():
            made.type, made.linkname = tarfile.LNKTYPE, value.target
        case Fifo():
            made.type = tarfile.FIFOTYPE
        case Device():
            made.type = tarfile.BLKTYPE if value.block else tarfile.CHRTYPE
            made.devmajor, made.devminor = value.major, value.minor
        case _:
            raise ValueError(f"{path}: an image archive has no form for a {type(value).__name__.lower()}")
    made.size = len(content)
    return made, content


def layer_tar(tree: Mapping[str, Entry]) -> bytes:
    """One layer as an uncompressed PAX tar."""
    buffer = io.BytesIO()
    # errors=surrogateescape carries binary attribute values through tarfile's text headers byte for byte.
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:
        for made, content in members(tree):
            tar.addfile(made, io.BytesIO(content))
    return buffer.getvalue()


def write_archive(
    target: BinaryIO, name: str, layers: Sequence[bytes], command: Sequence[str] = ("/unset",),
    labels: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:  # fmt: skip
    """Write an image of these layers (uncompressed tars, the lowest first) in the format that `docker load` takes.

    Returns the digests of the layers. The format is Docker's image specification v1.2: manifest.json, one
    configuration, one directory a layer.
    """
    digests = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    configuration = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2001-09-09T01:46:40Z",
            "config": {"Cmd": list(command), "WorkingDir": "/", **({"Labels": dict(labels)} if labels else {})},
            "rootfs": {"type": "layers", "diff_ids": digests},
            "history": [{"created": "2001-09-09T01:46:40Z", "created_by": f"layer {n}"} for n in range(len(layers))],
        }
    ).encode()
    names = [f"{n:03d}/layer.tar" for n in range(len(layers))]
    identity = hashlib.sha256(configuration).hexdigest()
    manifest = json.dumps([{"Config": f"{identity}.json", "RepoTags": [name], "Layers": names}]).encode()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, content in [
            (f"{identity}.json", configuration),
            *zip(names, layers, strict=True),
            ("manifest.json", manifest),
        ]:
            made = marker(path)
            made.size = len(content)
            tar.addfile(made, io.BytesIO(content))
    return digests


def stacked(depths: Sequence[int], files: Tree, own: int = 0) -> list[dict[str, Entry]]:
    """Layers of which the uppermost n, for each n of `depths`, have a directory `dn`; the lowest of these has `files`.

    A union of them has to look through n layers for one of the files. With `own`, each of the n layers has `own` more
    empty files in the directory.
    """
    layers: list[dict[str, Entry]] = [{} for _ in range(max(depths))]
    for depth in depths:
        for number, layer in enumerate(layers[-depth:]):
            layer[f"d{depth}"] = Directory()
            layer.update({f"d{depth}/own-{number}-{turn}": File() for turn in range(own)})
        layers[-depth].update({f"d{depth}/{name}": entry(value) for name, value in files.items()})
    return layers


def flattened(trees: Sequence[Mapping[str, Entry]]) -> dict[str, Entry]:
    """What a file system without layers would hold after all of `trees`, the lowest first."""
    merged: dict[str, Entry] = {}
    for tree in trees:
        for path, value in sorted(tree.items(), key=lambda item: PurePosixPath(item[0]).parts):
            replaced = merged.get(path)
            gone = isinstance(value, Whiteout | Opaque) or not isinstance(value, Directory)
            if gone or (replaced is not None and not isinstance(replaced, Directory)):
                for under in [name for name in merged if name == path or name.startswith(f"{path}/")]:
                    del merged[under]
            if not isinstance(value, Whiteout):
                merged[path] = replace_opaque(value)
    return merged


def replace_opaque(value: Entry) -> Entry:
    """Replace an opaque directory with a plain one; other entries stay."""
    if not isinstance(value, Opaque):
        return value
    return Directory(mode=value.mode, uid=value.uid, gid=value.gid, mtime_ns=value.mtime_ns, xattrs=value.xattrs)
