"""What the suite has made carries a mark, and nothing without it is replaced or removed: it is the user's."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

#: The file that marks a directory.
MARK = ".roadworthy"
#: The element that marks a page, which stands in the first bytes of it.
GENERATOR = '<meta name="generator" content="Roadworthy">'
HEAD = 8192


class NotOurs(FileExistsError):
    """Something that the suite did not make is where it was to write or to remove."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EEXIST, "it is there already, and Roadworthy did not make it", str(path))


def is_page(path: Path) -> bool:
    """Whether this file is a page that the suite made."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode) and GENERATOR.encode() in os.read(descriptor, HEAD)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def refuse_foreign(path: Path, ours: Callable[[Path], bool]) -> None:
    """Raise NotOurs if something is at `path` for which `ours` does not hold."""
    if os.path.lexists(path) and not ours(path):
        raise NotOurs(path)


def replace_file(path: Path, text: str, ours: Callable[[Path], bool]) -> None:
    """Write a file that appears whole or not at all. Raises NotOurs if one is there for which `ours` does not hold.

    A link stays, and the file is written where it leads.
    """
    path = Path(os.path.realpath(path))
    refuse_foreign(path, ours)
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline="\n"
    ) as stream:
        temporary = Path(stream.name)
        try:
            stream.write(text)
            stream.flush()
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise


def marked(directory: Path) -> bool:
    """Whether the suite made this directory."""
    return not directory.is_symlink() and (directory / MARK).is_file()


def make_directory(directory: Path) -> None:
    """Make a directory with its mark, or take one that is empty or marked. Raises NotOurs for others, and OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    if marked(directory):
        return
    if directory.is_symlink() or any(directory.iterdir()):
        raise NotOurs(directory)
    (directory / MARK).write_text("Roadworthy made this directory, and removes what its runs left in it.\n")


def remove_directory(directory: Path) -> None:
    """Remove a directory with all that is in it. Raises NotOurs if the suite did not make it, and OSError."""
    if not marked(directory):
        raise NotOurs(directory)
    shutil.rmtree(directory)
