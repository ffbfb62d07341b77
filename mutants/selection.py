"""A pytest plugin for sensitivity runs: which checks are asked. Loaded with `-p mutants.selection`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import pytest

from roadworthy.checks import declared


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("roadworthy")
    group.addoption("--checks", default="", metavar="ID[,ID]", help="Only these checks, by id, or `family/*`.")
    group.addoption(
        "--slow-too", default="", metavar="ID[,ID]", help="Of the slow checks only these, by id, and all quick ones."
    )


def wanted(identity: str, slow: bool, only: Sequence[str], slow_too: Sequence[str]) -> bool:
    """Whether a check is asked. An id without its parameters stands for all of them."""
    base = identity.partition("[")[0]
    if base in only:
        return True
    matches = not only or any(fnmatchcase(identity, pattern) for pattern in only)
    return matches and (not slow or base in slow_too)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only, slow_too = (list(filter(None, config.getoption(name).split(","))) for name in ("checks", "slow_too"))
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        check = declared(item)
        slow = item.get_closest_marker("slow") is not None
        asked = check is not None and wanted(check.identity, slow, only, slow_too)
        (kept if asked else dropped).append(item)
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept
