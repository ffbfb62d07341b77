"""The pytest plugin: hooks that delegate to the run.

Every run of pytest in an environment with the suite imports this file, and most have nothing to do with the suite. So
the run, its fixtures and all that they import wait until the command line or a collected file asks for them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from roadworthy.run import hooks
from roadworthy.run.keys import REFUSED
from roadworthy.run.options import add_free_options, add_options, asks, only_looks

if TYPE_CHECKING:
    from roadworthy.run.session import Session

pytest_addoption = add_options
#: The name by which pytest knows the run.
RUN = "roadworthy-session"
#: The modules that define the words of checks and benchmarks: who has none imported has neither.
WORDS = ("roadworthy.declaring.checks", "roadworthy.declaring.benchmarks")


@pytest.hookimpl(trylast=True)
def pytest_load_initial_conftests(parser: pytest.Parser) -> None:
    """Add options whose names others may want, when plugins and the first conftest.py files have added theirs."""
    add_free_options(parser)


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
    if asks(config):
        begin(config)


def begin(config: pytest.Config) -> None:
    """Make the run, and give it and its fixtures to pytest. Raises UsageError."""
    from roadworthy import fixtures
    from roadworthy.extending.distributions import ExtensionError
    from roadworthy.fleet.words import inventory_of, words_for_nodes
    from roadworthy.lane.lanes import LaneError
    from roadworthy.measuring.side_by_side import InWorker, SideBySide, refuse_histogram
    from roadworthy.run.conductor import Conductor, conducts
    from roadworthy.run.packed_reports import PackedReports
    from roadworthy.run.session import SESSION, Session

    inventory, fleet = inventory_of(config), None
    try:
        if inventory:
            from roadworthy.fleet.begin import fleet_of

            fleet = fleet_of(config, inventory)
        session = Session(config, fleet.lanes if fleet else None)
    except (LaneError, ExtensionError) as reason:
        raise pytest.UsageError(f"roadworthy: {reason}") from None
    config.stash[SESSION] = session
    config.pluginmanager.register(session, RUN)
    config.pluginmanager.register(fixtures, "roadworthy-fixtures")
    if session.lanes and config.getoption("benchmark_histogram", None):
        refuse_histogram()
    if (fleet or conducts(config)) and session.lanes:
        conductor: Conductor
        if fleet:
            from roadworthy.fleet.conductor import FleetConductor

            conductor = FleetConductor(config, fleet, words_for_nodes(config))
        else:
            conductor = Conductor(config, session.lanes)
        config.pluginmanager.register(conductor, "roadworthy-conductor")
        config.pluginmanager.register(SideBySide(config, conductor), "roadworthy-benchmarks")
    if session.worker and session.lanes:
        config.pluginmanager.register(InWorker(), "roadworthy-benchmarks")
    if session.worker or fleet or conducts(config):
        config.pluginmanager.register(PackedReports(), "roadworthy-reports")
    if config.getoption("allure_report_dir", None):
        from roadworthy.run.allure_results import AllureResults

        config.pluginmanager.register(AllureResults(config), "roadworthy-allure")


def run_of(config: pytest.Config) -> Session | None:
    """The run, once something has asked for it."""
    found: Session | None = config.pluginmanager.get_plugin(RUN)
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector) -> None:
    """Begin at the first file that has imported the words, before pytest looks for its fixtures."""
    if run_of(collector.config) is None and any(name in sys.modules for name in WORDS):
        begin(collector.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Refuse what a worker has refused: xdist itself would only say that no worker is left."""
    if said := getattr(node, "workeroutput", {}).get(REFUSED):
        raise pytest.UsageError(said)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    run = run_of(metafunc.config)
    if run is None:
        return
    from roadworthy.declaring.checks import PROVENANCES

    strata_of(metafunc)
    if "lane" not in metafunc.fixturenames:
        return
    lanes = run.lanes
    if lanes or not only_looks(metafunc.config):
        metafunc.parametrize("lane", lanes, ids=[lane.id for lane in lanes], scope="session")
    mark = metafunc.definition.get_closest_marker("check")
    rounds = run.repeats.rounds
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
    run = run_of(item.config)
    if run is None:
        return
    from roadworthy.declaring.checks import identity_of
    from roadworthy.measuring.clock import VirtualClock

    identity = identity_of(item) if run.lanes or only_looks(item.config) else ""
    if identity:
        item.extra_keyword_matches.add(identity)  # so that -k takes an id as the page shows it
    mark = item.get_closest_marker("measured")
    if mark is not None:
        item.extra_keyword_matches.add(mark.args[0])
        item.add_marker(pytest.mark.benchmark(timer=VirtualClock(), group=mark.args[0]))
        # Copies of the fixture, one for each side, take the numbers; the fixture itself stays unused.
        item.add_marker(pytest.mark.filterwarnings("ignore:Benchmark fixture was not used at all"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
    run = run_of(item.config)
    if run is None:
        return None
    if item.get_closest_marker("measured") is not None:
        from roadworthy.run.outcomes import reported_benchmark

        return reported_benchmark(item, call)
    if item.get_closest_marker("check") is None:
        return None
    judged = run.report(item, call)
    judged.user_properties = [*judged.user_properties, *run.unsaid()]
    return judged


def pytest_sessionstart(session: pytest.Session) -> None:
    if sys.platform != "linux":
        raise pytest.UsageError("roadworthy: container storage drivers need Linux; run this on a Linux host")
