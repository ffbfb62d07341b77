"""What the suite's checks declare, without a run: the files are imported, and nothing is collected."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from roadworthy.declaring.checks import Provenance
from roadworthy.declaring.features import Feature
from roadworthy.extending.distributions import added
from roadworthy.trees.layers import Entry, entry


@dataclass(frozen=True)
class Known:
    """One check by its id without a case. `file` is relative to the directory that holds its outermost package."""

    identity: str
    promise: str
    source: str
    file: str
    line: int
    provenances: tuple[Provenance, ...]
    trees: tuple[Mapping[str, Entry], ...]
    feature: Feature
    capabilities: tuple[str, ...]
    fixtures: tuple[str, ...]
    slow: bool

    @property
    def family(self) -> str:
        return self.identity.partition("/")[0]


@functools.cache
def checks_known() -> Mapping[str, Known]:
    """Every check of the suite by its id, in the order of the files, and those that other distributions add.

    Raises ExtensionError.
    """
    found: dict[str, Known] = {}
    for module in modules_below(importlib.import_module("roadworthy.conformance")):
        for one in checks_in(module):
            found.setdefault(one.identity, one)
    for package in added("checks"):
        package.directory()  # refuses what is no package
        for module in modules_below(package.load()):
            for one in checks_in(module):
                if found.setdefault(one.identity, one).file != one.file:
                    raise package.refused(f"{one.file}: {found[one.identity].file} has a check {one.identity}, too")
    return found


def modules_below(package: ModuleType) -> Iterator[ModuleType]:
    """Import and yield the modules below a package."""
    for place in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(place.name)


def checks_in(module: ModuleType) -> Iterator[Known]:
    """Yield the checks of one file."""
    for name, function in vars(module).items():
        marks = list(getattr(function, "pytestmark", ())) if name.startswith("test_") else []
        mark = next((mark for mark in marks if mark.name == "check"), None)
        if mark is not None:
            yield known(module, function, mark, [*marks, *marks_of(module)])


def marks_of(module: ModuleType) -> list[Any]:
    """The marks that a file gives to all its checks."""
    found = getattr(module, "pytestmark", [])
    return list(found) if isinstance(found, list | tuple) else [found]


def known(module: ModuleType, function: Any, mark: Any, marks: list[Any]) -> Known:
    by_name = {one.name: one for one in reversed(marks)}
    feature = Feature.NONE
    for one in marks:
        feature |= one.args[0] if one.name == "needs" else Feature.NONE
    layers = by_name["layers"].args if "layers" in by_name else ()
    file = Path(str(module.__file__))
    return Known(
        identity=mark.args[0],
        promise=" ".join((function.__doc__ or "").split()),
        source=mark.kwargs["source"],
        file=str(Path(*module.__name__.removeprefix("roadworthy.").split(".")[:-1], file.name)),
        line=inspect.unwrap(function).__code__.co_firstlineno,
        provenances=mark.kwargs["provenances"],
        trees=tuple({path: entry(value) for path, value in tree.items()} for tree in layers),
        feature=feature,
        capabilities=by_name["capabilities"].args if "capabilities" in by_name else (),
        fixtures=tuple(inspect.signature(function).parameters),
        slow="slow" in by_name,
    )
