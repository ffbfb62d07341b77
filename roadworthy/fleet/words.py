"""What the workers of a fleet are told to run: packages by their names, as nodes have no checkout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from roadworthy.run.session import CONFORMANCE

#: Words by which a worker finds packages in the directory that it stands in, and leaves nothing there.
ANYWHERE = ("--pyargs", "--rootdir=.", "--import-mode=importlib", "-p", "no:cacheprovider")
#: What is measured: a node has nothing else to do meanwhile.
BENCHMARKS = "roadworthy.bench"


def packages(config: pytest.Config) -> list[str]:
    """The packages that the command line names, by path or by name. Raises UsageError."""
    return [package(config, word) for word in config.args]


def package(config: pytest.Config, word: str) -> str:
    """One argument of pytest as the name of a package or a module. Raises UsageError."""
    name, colons, test = word.partition("::")
    root = CONFORMANCE.resolve().parent
    path = (config.invocation_params.dir / name).resolve()
    if path.exists():
        if not path.is_relative_to(root) or path == root:
            said = "nodes have what travels with the suite: name conformance, bench, or a file of these"
            raise pytest.UsageError(f"roadworthy: --inventory: {word}: {said}")
        name = ".".join(("roadworthy", *path.relative_to(root).with_suffix("").parts))
    elif not config.getoption("pyargs"):
        raise pytest.UsageError(f"roadworthy: --inventory: {word}: no such file; name a package with --pyargs")
    return f"{name}{colons}{test}"


def words_for_nodes(config: pytest.Config) -> list[str]:
    """The arguments of every worker: those of this run, with packages in the place of paths. Raises UsageError."""
    named = list(config.option.file_or_dir or ())
    options = []
    for word in map(str, config.invocation_params.args):
        if word in named:
            named.remove(word)
        else:
            options.append(word)
    return [*ANYWHERE, *options, *packages(config)]


def measures(names: Sequence[str]) -> bool:
    """Whether benchmarks are among what these packages have."""
    return any(name.partition("::")[0].startswith(BENCHMARKS) or name == "roadworthy" for name in names)


def inventory_of(config: pytest.Config) -> Path | None:
    """The file that --inventory names in the process that conducts the run; its workers have the option, too."""
    named = config.getoption("inventory")
    return Path(named) if named and not hasattr(config, "workerinput") else None
