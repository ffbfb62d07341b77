"""Files that real software works on, written here so that they can lie in an image layer: a package, a repository, …

They never change: they depend on no clock, user or host.
"""

from __future__ import annotations

import base64
import hashlib
import io
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence

#: The author of all of them, and the time: 2001-09-09, in seconds since the epoch.
SOMEBODY, MOMENT = "Roadworthy <roadworthy@example.org>", 1_000_000_000


def archive(files: Mapping[str, bytes], prefix: str = "") -> bytes:
    """A tar archive of these files and the directories that lead to them, owned by root."""
    buffer = io.BytesIO()
    directories = {path.rpartition("/")[0] for path in files if "/" in path}
    every = {"/".join(parts[: n + 1]) for parts in (path.split("/") for path in directories) for n in range(len(parts))}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted({*every, *files}):
            made = tarfile.TarInfo(prefix + path)
            made.mtime = MOMENT
            if path in files:
                made.size, made.mode = len(files[path]), 0o644
            else:
                made.type, made.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(made, io.BytesIO(files.get(path, b"")))
    return buffer.getvalue()


def debian_package(name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """A Debian binary package without scripts, see deb(5). Files below etc/ are its configuration files."""
    configured = "".join(f"/{path}\n" for path in sorted(files) if path.startswith("etc/"))
    members = {
        "control": control(name, version).encode(),
        "md5sums": "".join(f"{md5(files[path])}  {path}\n" for path in sorted(files)).encode(),
        **({"conffiles": configured.encode()} if configured else {}),
    }
    parts = {"debian-binary": b"2.0\n", "control.tar": archive(members, "./"), "data.tar": archive(files, "./")}
    packed = b"!<arch>\n"
    for part, data in parts.items():
        packed += (
            f"{part:<16}{MOMENT:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return packed


def installed_package(name: str, version: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of such a package after its installation, dpkg's database included."""
    configured = [path for path in sorted(files) if path.startswith("etc/")]
    status = control(name, version).replace("\n", "\nStatus: install ok installed\n", 1)
    status += "".join(
        ["Conffiles:\n", *(f" /{path} {md5(files[path])}\n" for path in configured)] if configured else []
    )
    directories = sorted({path.rsplit("/", n)[0] for path in files for n in range(1, path.count("/") + 1)})
    info = f"var/lib/dpkg/info/{name}"
    return {
        **files,
        "var/lib/dpkg/status": f"{status}\n".encode(),
        "var/lib/dpkg/available": b"",
        "var/lib/dpkg/info/format": b"1\n",
        f"{info}.list": "".join(f"/{path}\n" for path in [".", *directories, *sorted(files)]).encode(),
        f"{info}.md5sums": "".join(f"{md5(files[path])}  {path}\n" for path in sorted(files)).encode(),
        **({f"{info}.conffiles": "".join(f"/{path}\n" for path in configured).encode()} if configured else {}),
    }


def control(name: str, version: str) -> str:
    """The fields of a binary package, see deb-control(5)."""
    fields = {"Package": name, "Version": version, "Architecture": "all", "Maintainer": SOMEBODY, "Description": name}
    return "".join(f"{field}: {value}\n" for field, value in fields.items())


def md5(data: bytes) -> str:
    """The checksum that dpkg keeps of a file."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def git_repository(commits: Sequence[Mapping[str, bytes]]) -> dict[str, bytes]:
    """A bare repository with a branch `branch-N` for each of these trees, each the child of the one before.

    Directories in paths become trees. See gitrepository-layout(5) and git-hash-object(1).
    """
    objects: dict[str, bytes] = {}

    def add(kind: str, data: bytes) -> str:
        whole = f"{kind} {len(data)}\0".encode() + data
        name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        objects[f"objects/{name[:2]}/{name[2:]}"] = zlib.compress(whole)
        return name

    def tree(files: Mapping[str, bytes]) -> str:
        below: dict[str, dict[str, bytes]] = {}
        rows = []
        for path, data in files.items():
            head, slash, tail = path.partition("/")
            if slash:
                below.setdefault(head, {})[tail] = data
            else:
                rows.append((head, b"100644 " + head.encode() + b"\0" + bytes.fromhex(add("blob", data))))
        for name, inner in below.items():
            rows.append((f"{name}/", b"40000 " + name.encode() + b"\0" + bytes.fromhex(tree(inner))))
        return add("tree", b"".join(row for _, row in sorted(rows)))

    found = {"HEAD": b"ref: refs/heads/branch-0\n", "config": b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n"}
    parent = ""
    for number, files in enumerate(commits):
        lines = [f"tree {tree(files)}", *([f"parent {parent}"] if parent else [])]
        lines += [f"{word} {SOMEBODY} {MOMENT + number} +0000" for word in ("author", "committer")]
        parent = add("commit", ("\n".join(lines) + f"\n\ncommit {number}\n").encode())
        found[f"refs/heads/branch-{number}"] = f"{parent}\n".encode()
    return found | objects


def sqlite_database(statements: str) -> bytes:
    """A database in SQLite's file format after these statements."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(statements)
        return connection.serialize()
    finally:
        connection.close()


def installed_wheel(name: str, version: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files in site-packages of a package that pip installed, see the PyPA's "Recording installed projects"."""
    return recorded(name, version, {**files, f"{name}-{version}.dist-info/INSTALLER": b"pip\n"})


def wheel(name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """A Python package as a wheel, whose file name has to be `NAME-VERSION-py3-none-any.whl`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for path, data in recorded(name, version, files).items():
            packed.writestr(zipfile.ZipInfo(path, (2001, 9, 9, 1, 46, 40)), data)
    return buffer.getvalue()


def recorded(name: str, version: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """These files and the package's metadata, with the record of all of them."""
    information = f"{name}-{version}.dist-info"
    found = {
        **files,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{information}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }

    def row(path: str) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(found[path]).digest()).rstrip(b"=").decode()
        return f"{path},sha256={digest},{len(found[path])}\n"

    record = "".join(map(row, sorted(found))) + f"{information}/RECORD,,\n"
    return found | {f"{information}/RECORD": record.encode()}
