"""`roadworthy run` and `roadworthy bench run`: pytest on the suite's own checks or benchmarks, from any directory."""

from __future__ import annotations

import os
import sys

import click

from roadworthy.extending.distributions import added

#: pytest's options are not ours: whatever follows the command goes to it.
PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": ["-h", "--help"]}


def pytest_on(package: str, group: str, words: tuple[str, ...]) -> None:
    """Become pytest on a package of the suite, and on what distributions add to this group of entry points.

    Results are below the working directory, not where the suite lies.

    `importlib` is the suite's way of importing, because two of its files may have one name. The exit status is
    pytest's.
    """
    begin = [sys.executable, "-m", "pytest", *words_of(package, *(one.value for one in added(group)))]
    sys.stdout.flush()
    os.execv(begin[0], [*begin, *words])


def words_of(*packages: str) -> list[str]:
    """The words by which pytest finds packages from any directory."""
    return ["--pyargs", *packages, "--rootdir=.", "--import-mode=importlib"]


@click.command(context_settings=PASSED_ON)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST OPTIONS]")
def run(words: tuple[str, ...]) -> None:
    """Run every check, as in `roadworthy run --driver=overlay2`: pytest --pyargs roadworthy.conformance, from anywhere.

    What follows goes to pytest: --driver, -k, -n, and all that `roadworthy run -- --help` prints. The bundle and the
    page lie in bundles/ below the working directory. The exit status is pytest's: 0 if all is as recorded, 1 if not, 4
    for a mistake on the command line.
    """
    pytest_on("roadworthy.conformance", "checks", words)


@click.command(name="run", context_settings=PASSED_ON)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST OPTIONS]")
def run_benchmarks(words: tuple[str, ...]) -> None:
    """Run benchmarks, as in `roadworthy bench run --driver=overlay2 -m smoke`: pytest --pyargs roadworthy.bench.

    What follows goes to pytest: -m smoke, nightly or weekly, --driver, -k. The exit status is pytest's.
    """
    pytest_on("roadworthy.bench", "benchmarks", ("--benchmark-only", *words))
