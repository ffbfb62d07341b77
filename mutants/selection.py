"""Selects the checks of a run by id. A pytest plugin, `-p roadworthy.mutants.selection`, for one run of one mutant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from zlib import crc32

import pytest

from roadworthy.declaring.checks import declared

#: Of the quick checks outside a mutant's families, one in so many is run.
SAMPLED = 40


@dataclass(frozen=True)
class Wanted:
    """Patterns of ids. An empty `only` selects everything; of slow checks, only those in `slow_too` are selected.

    With `sample`, one in SAMPLED of the other quick checks is selected, too; the text of `sample` decides which.
    Without `volumes`, no check on a volume is selected, because volumes do not concern a driver.
    """

    only: tuple[str, ...] = ()
    slow_too: tuple[str, ...] = ()
    sample: str = ""
    volumes: bool = True

    def asks(self, item: pytest.Item) -> bool:
        check = declared(item)
        if check is None or (check.provenance == "volume" and not self.volumes):
            return False
        slow = item.get_closest_marker("slow") is not None
        if wanted(check.identity, slow, self.only, self.slow_too):
            return True
        return bool(self.sample) and not slow and crc32(f"{self.sample} {check.identity}".encode()) % SAMPLED == 0


def wanted(identity: str, slow: bool, only: Sequence[str], slow_too: Sequence[str]) -> bool:
    """Whether a check is selected. An id without its parameters stands for all of them."""
    base = identity.partition("[")[0]
    if base in only:
        return True
    matches = not only or any(fnmatchcase(identity, pattern) for pattern in only)
    return matches and (not slow or any(fnmatchcase(base, pattern) for pattern in slow_too))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("roadworthy")
    group.addoption("--checks", default="", metavar="ID[,ID]", help="Only these checks, by id, or `family/*`.")
    group.addoption(
        "--slow-too", default="", metavar="ID[,ID]", help="Of the slow checks, only these by id; and all quick ones."
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only, slow_too = (tuple(filter(None, config.getoption(name).split(","))) for name in ("checks", "slow_too"))
    keep(config, items, [Wanted(only, slow_too)])


def keep(config: pytest.Config, items: list[pytest.Item], asked: Sequence[Wanted]) -> None:
    """Deselect the items that none of `asked` selects."""
    kept = [item for item in items if any(wanted.asks(item) for wanted in asked)]
    chosen = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = kept
