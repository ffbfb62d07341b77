"""One file of the site: where it lies, and how its content is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A file of the site. `make` is called at most once, after all addresses are known, perhaps in another process.

    `key` says what the content depends on, beside the suite itself: a file that was made with an equal key is not made
    again. Without a key it is made each time, and written if it differs. A key that depends on the addresses of all
    files is asked for when they are known.
    """

    address: str
    make: Callable[[], str]
    key: str | Callable[[], str] = ""
