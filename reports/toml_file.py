"""Read a TOML file that a user names: of a bounded size, with the line of a mistake.

It is among the reports because it rests on `bounded`, and may be imported by all others.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from roadworthy.reports.bounded import read_bounded


class TomlRefused(Exception):
    """A file cannot be read as TOML; `line` is the number of the line at which, None if it is the whole file."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def read_toml(path: Path, limit: int, holds: str) -> tuple[str, dict[str, Any]]:
    """The text of a file of at most `limit` bytes, and its tables. Raises TomlRefused.

    `holds` says what a file of this kind has, as `lists of text`.
    """
    try:
        text = read_bounded(path, limit).decode()
        return text, tomllib.loads(text)
    except OSError as reason:
        raise TomlRefused(str(reason.strerror)) from None
    except UnicodeDecodeError:
        raise TomlRefused("expected TOML, which is UTF-8 text") from None
    except RecursionError:
        raise TomlRefused(f"expected {holds}, and these are nested too deep") from None
    except tomllib.TOMLDecodeError as reason:
        at = re.search(r"at line (\d+)", str(reason))
        raise TomlRefused(str(reason), int(at[1]) if at else len(text.splitlines())) from None
