"""The digests of a bundle's files: written beside them as sha256sum(1) does, and compared with what lies there."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from roadworthy.reports.bounded import read_bounded
from roadworthy.reports.made import replace_file

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
#: The most bytes of a list of digests that is read.
SIZE_LIMIT = 1 << 22
LINE = re.compile(r"([0-9a-f]{64})  (\S(?:.*\S)?)")


class SumsRefused(Exception):
    """A list of digests that cannot be read or written; the text says why."""


def sums_of(directory: Path) -> dict[str, str]:
    """The digest of every file below a directory, by its path there. Raises SumsRefused, OSError.

    What is no regular file could have another content when it is read: it is refused, and no link is followed.
    """
    found = {}
    for place, names, files in os.walk(directory):
        names.sort()
        for name in sorted(files):
            path = Path(place, name)
            shown = path.relative_to(directory).as_posix()
            if shown in (SUMS, SIGNATURE):
                continue
            if not LINE.fullmatch(f"{'0' * 64}  {shown}") or not shown.isprintable():
                raise SumsRefused(f"{shown!r}: a name that a list of digests cannot hold")
            found[shown] = digest(path)
        for name in names:
            if (Path(place) / name).is_symlink():
                raise SumsRefused(f"{Path(place) / name} is a link; a bundle has none")
    return found


def digest(path: Path) -> str:
    """The digest of a regular file. Raises SumsRefused, OSError."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SumsRefused(f"{path} is no regular file; a bundle has no others")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(directory: Path) -> dict[str, str]:
    """Write the digests of a directory's files beside them. Raises SumsRefused, NotOurs, OSError."""
    found = sums_of(directory)
    text = "".join(f"{known}  {name}\n" for name, known in found.items())
    replace_file(directory / SUMS, text, is_sums)
    return found


def is_sums(path: Path) -> bool:
    """Whether this file is a list of digests."""
    try:
        read_sums(path)
    except SumsRefused:
        return False
    return True


def read_sums(path: Path) -> dict[str, str]:
    """Read a list of digests. Raises SumsRefused."""
    try:
        lines = read_bounded(path, SIZE_LIMIT).decode().splitlines()
    except OSError as reason:
        raise SumsRefused(f"{path}: {reason.strerror}") from None
    except UnicodeDecodeError:
        raise SumsRefused(f"{path}: expected text") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        said = LINE.fullmatch(line)
        if said is None or not said[2].isprintable():
            raise SumsRefused(f"{path}:{number}: expected a digest and the name of a file, as sha256sum(1) writes them")
        if found.setdefault(said[2], said[1]) != said[1]:
            raise SumsRefused(f"{path}:{number}: {said[2]} is there twice, with two digests")
    return found


def differences(known: Mapping[str, str], found: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is not as the list says: each file with `changed`, `missing` or `not listed`."""
    said = [(name, "missing" if name not in found else "changed") for name in known if found.get(name) != known[name]]
    return sorted(said + [(name, "not listed") for name in found if name not in known])
