"""The pytest plugin: hooks that delegate to the run."""

from __future__ import annotations

import sys

import pytest

from roadworthy import fixtures
from roadworthy.declaring.checks import PROVENANCES, declared
from roadworthy.lane.lanes import LaneError
from roadworthy.measuring.clock import VirtualClock
from roadworthy.run import hooks
from roadworthy.run.conductor import Conductor, conducts
from roadworthy.run.options import add_options
from roadworthy.run.outcomes import reported_benchmark
from roadworthy.run.session import SESSION, Session

pytest_addoption = add_options


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "check(id, claim, source, provenances): one promise of the matrix; made by @check",
        "layers(*trees): the trees that a check finds in the image, the lowest first; made by @lower and @layers",
        "needs(feature): unsupported on drivers without this feature; made by @needs",
        "capabilities(*names): capabilities beyond Docker's default ones; made by @capabilities",
        "slow: needs daemons, containers or images of its own",
        "flushes: cuts the power in an operation that --cuts asks for",
        "measured(id, tier, strata): one benchmark; made by @measured",
        "smoke: benchmarks of at most three minutes a driver",
        "nightly: benchmarks of at most twenty-five minutes a driver, including those of smoke",
        "weekly: all benchmarks",
    ):
        config.addinivalue_line("markers", line)
    try:
        session = Session(config)
    except LaneError as reason:
        raise pytest.UsageError(f"roadworthy: {reason}") from None
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "roadworthy-session")
    config.pluginmanager.register(fixtures, "roadworthy-fixtures")
    if conducts(config) and session.lanes:
        config.pluginmanager.register(Conductor(config, session.lanes), "roadworthy-conductor")


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    strata_of(metafunc)
    if "lane" not in metafunc.fixturenames:
        return
    lanes = metafunc.config.stash[SESSION].lanes
    metafunc.parametrize("lane", lanes, ids=[lane.id for lane in lanes], scope="session")
    mark = metafunc.definition.get_closest_marker("check")
    rounds = metafunc.config.stash[SESSION].repeats.rounds
    if mark and rounds > 1:
        metafunc.fixturenames.append("round")
        numbers = range(1, rounds + 1)
        metafunc.parametrize("round", numbers, ids=[f"round{number}" for number in numbers])
    several = mark.kwargs["provenances"] if mark else ()
    unknown = [word for word in several if word not in PROVENANCES]
    if unknown:
        said = f"unknown provenance {unknown[0]!r}; known: {', '.join(PROVENANCES)}"
        raise pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {said}")
    if len(several) > 1:
        metafunc.fixturenames.append("provenance")
        metafunc.parametrize("provenance", several, ids=list(several))


def strata_of(metafunc: pytest.Metafunc) -> None:
    """Parametrise a benchmark with its strata, so that it runs once for each."""
    mark = metafunc.definition.get_closest_marker("measured")
    if mark is not None and mark.kwargs["strata"]:
        metafunc.parametrize("stratum", mark.kwargs["strata"], ids=list(mark.kwargs["strata"]))


def pytest_itemcollected(item: pytest.Item) -> None:
    check = declared(item) if item.config.stash[SESSION].lanes else None
    if check is not None:
        item.extra_keyword_matches.add(check.identity)  # so that -k takes an id as the page shows it
    mark = item.get_closest_marker("measured")
    if mark is not None:
        item.extra_keyword_matches.add(mark.args[0])
        item.add_marker(pytest.mark.benchmark(timer=VirtualClock(), group=mark.args[0]))
        # Copies of the fixture, one for each side, take the numbers; the fixture itself stays unused.
        item.add_marker(pytest.mark.filterwarnings("ignore:Benchmark fixture was not used at all"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
    if item.get_closest_marker("measured") is not None:
        return reported_benchmark(item, call)
    if item.get_closest_marker("check") is None:
        return None
    session = item.config.stash[SESSION]
    judged = session.report(item, call)
    judged.user_properties = [*judged.user_properties, *session.unsaid()]
    return judged


def pytest_sessionstart(session: pytest.Session) -> None:
    if sys.platform != "linux":
        raise pytest.UsageError("roadworthy: container storage drivers need Linux; run this on a Linux host")
