"""The pytest plugin of faulty drivers: `--mutant=NAME` hands its faults to the run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("roadworthy").addoption(
        "--mutant", metavar="NAME",
        help="Run on a faulty driver from the mutants' catalogue (mutants/catalogue.toml), to see its checks fail.",
    )  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Refuse before any plugin is configured, because not every plugin can undo a partial configuration."""
    if config.getoption("mutant") and config.getoption("numprocesses", None):
        raise pytest.UsageError("roadworthy: --mutant runs in one process; leave out -n")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("mutant")
    if not name:
        return
    from roadworthy.mutants.run import mutant_run
    from roadworthy.run.session import SESSION

    run = config.stash.get(SESSION, None)  # none without a driver, and then checks are refused
    if run is None:
        mutant_run(name)
    elif not run.faults.any:  # another plugin may have faults of its own, such as the twin
        run.faults = mutant_run(name)
