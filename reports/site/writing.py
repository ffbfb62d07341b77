"""Write the files of a site: only those that changed, whole or not at all, and none that somebody else put there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from roadworthy.reports.made import MARK, NotOurs, is_page, make_directory, marked, remove_directory
from roadworthy.reports.site.page import Page

#: The list of the files that are ours, below the root of the site.
LIST = ".files.json"


def write(public: Path, pages: Iterable[Page], suite: str) -> list[str]:
    """Write pages below `public`, remove those of an earlier site that are no longer, and return what was written.

    `suite` is what all pages depend on. Raises NotOurs for a directory or a file that the suite did not make, OSError,
    and ValueError for two pages with one address.
    """
    make_directory(public)
    before = _listed(public)
    known: dict[str, str] = {}
    wanted = list(pages)
    for page in wanted:
        if page.address in known:
            raise ValueError(f"two pages have the address {page.address}")
        key = page.key if isinstance(page.key, str) else page.key()
        known[page.address] = f"{suite} {key}" if key else ""
    # What is written before this process is killed is known to be ours afterwards.
    _list(public, {**dict.fromkeys(known, ""), **{name: key for name, key in before.items() if known.get(name) == key}})
    written = [page.address for page in wanted if _written(public, page, known[page.address], before)]
    for address in sorted(before.keys() - known.keys()):
        _remove(public, address)
    _list(public, known)
    return written


def _written(public: Path, page: Page, key: str, before: dict[str, str]) -> bool:
    """Make a page, unless it was made with an equal key, and write it if it differs from what is there."""
    path = public / page.address
    if key and before.get(page.address) == key and path.is_file() and not path.is_symlink():
        return False
    content = page.make().encode("utf-8", "backslashreplace")
    _directories(public, page.address)
    if os.path.lexists(path):
        if path.is_symlink() or not path.is_file() or not (page.address in before or is_page(path)):
            raise NotOurs(path)
        if path.read_bytes() == content:
            return False
    _replace(path, content)
    return True


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _directories(public: Path, address: str) -> None:
    place = public
    for part in address.split("/")[:-1]:
        place /= part
        make_directory(place)


def _remove(public: Path, address: str) -> None:
    """Remove a file of an earlier site, and the directories of ours that have nothing but their mark without it."""
    path = public / address
    path.unlink(missing_ok=True)
    for place in path.parents:
        if place == public or not marked(place) or [one.name for one in place.iterdir()] != [MARK]:
            break
        remove_directory(place)


def _listed(public: Path) -> dict[str, str]:
    """The files of the site that was written last, each with its key; none if there is no list that can be read."""
    try:
        found = msgspec.json.decode((public / LIST).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}
    return {address: key for address, key in found.items() if _inside(address)}


def _inside(address: str) -> bool:
    parts = address.split("/")
    return bool(address) and not any(part in ("", ".", "..") or part.startswith(".") for part in parts)


def _list(public: Path, known: dict[str, str]) -> None:
    _replace(public / LIST, msgspec.json.format(msgspec.json.encode(dict(sorted(known.items()))), indent=1) + b"\n")
