"""The pytest plugin: options, lanes as parameters, the fixtures that checks use, and verdicts as outcomes."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.process import Process
from roadworthy.declaring.benchmarks import declared_benchmark
from roadworthy.declaring.checks import PROVENANCES, Declared, declared
from roadworthy.declaring.features import LACKING
from roadworthy.drivers import DRIVERS
from roadworthy.lane.lanes import LaneError
from roadworthy.machines.backing import BACKINGS
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.run.outcomes import skipped
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import SERIES

SESSION = pytest.StashKey["Any"]()  # roadworthy.run.session.Session of this pytest run
#: Where xdist's `workerinput` has the directory of a worker's own bundle.
BUNDLE = "roadworthy_bundle"
#: Where it has the seed of a random order, as text; absent where the order is the written one.
SEED = "roadworthy_seed"
#: The user property in which a worker's sentences for a person travel to the terminal.
SAID = "roadworthy said"
EVIDENCE = pytest.StashKey[Evidence]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("roadworthy", "Roadworthy: does this work on that storage driver, and what does it cost")
    group.addoption(
        "--driver", action="append", default=[], metavar="NAME[,NAME]",
        help="Storage drivers to run on, each on a private daemon; repeatable. One column of the matrix each. "
        f"Known: {', '.join(DRIVERS)}, or all. 'native' is the reference: the same trees on a plain volume.",
    )  # fmt: skip
    group.addoption(
        "--backing", action="append", default=[], metavar="NAME[,NAME]",
        help="File systems to put under the daemon's data root, each made fresh in an image file; repeatable. "
        f"Known: {', '.join(BACKINGS)}, or all. Default: the first that the driver takes.",
    )  # fmt: skip
    group.addoption(
        "--engine", action="append", default=[], metavar="NAME[,NAME]",
        help="Engines to run; repeatable. host is the one that is installed. Others are root file systems, made once "
        f"and cached: {', '.join(ENGINES)}.",
    )  # fmt: skip
    group.addoption(
        "--kernel", action="append", default=[], metavar="SERIES|PATH",
        help="Kernels to run on; repeatable. host is the running one. Others boot in a virtual machine: "
        f"{', '.join(SERIES)} from Debian's packages, or the path of a bzImage, of kernel packages or of a directory "
        "with vmlinuz and lib/modules.",
    )  # fmt: skip
    group.addoption(
        "--accept-expired-suites", action="store_true",
        help="Take packages of a suite whose Release file is past its date, as testing's often is on a mirror.",
    )  # fmt: skip
    group.addoption(
        "--driver-opt",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="A --storage-opt for the daemon, as overlay2.size=1G; repeatable. It becomes part of the lane's name.",
    )
    group.addoption(
        "--kernel-opt", action="append", default=[], metavar="MODULE.PARAMETER=VALUE",
        help="A module parameter for the kernels that --kernel boots, as overlay.metacopy=on; repeatable. It becomes "
        "part of the lane's name. Distributions differ in these, and verdicts depend on them.",
    )  # fmt: skip
    group.addoption(
        "--matrix", metavar="FILE",
        help="A TOML file that names the lanes by their axes, in place of the options above; matrices/ has some, and "
        "`roadworthy lanes` prints what one means. With pytest-xdist's -n, lanes run side by side.",
    )  # fmt: skip
    group.addoption(
        "--repeat", metavar="N[+M]", default="1",
        help="Ask every check N times, in rounds; each round has fresh containers. With +M, M rounds more, each on a "
        "fresh daemon: a new check has to pass --repeat=10+5. A check whose rounds disagree is flaky, and fails the "
        "run; the summary tells how often checks may be flaky at most.",
    )  # fmt: skip
    group.addoption(
        "--random-order", metavar="SEED", nargs="?", const="",
        help="Ask the checks of a lane in random order, each round in another one. The seed is printed, and with "
        "--random-order=SEED the order is the same again.",
    )  # fmt: skip
    group.addoption(
        "--isolate", action="store_true",
        help="Give every check a container of its own, in place of one for all that need the same capabilities. The "
        "verdicts have to be the same: `roadworthy agree BUNDLE BUNDLE` compares them.",
    )  # fmt: skip
    group.addoption(
        "--no-reference", dest="reference", action="store_false",
        help="Do not compare the tree that a check leaves with the reference: what the same calls leave on a file "
        "system without layers. In a virtual machine it is not compared in any case.",
    )  # fmt: skip
    group.addoption(
        "--bundle", metavar="DIR",
        help="Where to write the run bundle (bundle.jsonl) and its page (index.html). Default: bundles/RUN.",
    )  # fmt: skip
    group.addoption(
        "--bench-seconds", type=seconds, metavar="SECONDS",
        help="Time for each benchmark, in place of its tier's: rows are taken until the interval is narrow or this is "
        "over, twelve at least.",
    )  # fmt: skip
    group.addoption(
        "--keep", action="store_true",
        help="Leave daemons, containers and file systems running for inspection. "
        "`roadworthy reap --kept` removes them.",
    )  # fmt: skip
    group.addoption(
        "--mutant", metavar="NAME",
        help="Run on a faulty driver from the mutants' catalogue (mutants/catalogue.toml), to see its checks fail.",
    )  # fmt: skip


def seconds(word: str) -> float:
    """The value of an option that is a time. Raises ArgumentTypeError."""
    try:
        found = float(word)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of seconds, as 60 or 2.5 is")
    return found


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "check(id, claim, source, provenances): one promise of the matrix; made by @check",
        "layers(*trees): the trees that a check finds in the image, the lowest first; made by @lower and @layers",
        "needs(feature): unsupported on drivers without this feature; made by @needs",
        "capabilities(*names): capabilities beyond Docker's default ones; made by @capabilities",
        "slow: asks for daemons, containers or images of its own",
        "measured(id, tier, strata): one benchmark; made by @measured",
        "smoke: benchmarks of at most three minutes a driver",
        "nightly: benchmarks of at most twenty-five minutes a driver; those of smoke are among them",
        "weekly: all benchmarks",
    ):
        config.addinivalue_line("markers", line)
    from roadworthy.run.conductor import Conductor, conducts
    from roadworthy.run.session import Session

    try:
        session = Session(config)
    except LaneError as reason:
        raise pytest.UsageError(f"roadworthy: {reason}") from None
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "roadworthy-session")
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
        raise LaneError(
            f"{metafunc.definition.nodeid}: unknown provenance {unknown[0]!r}; known: {', '.join(PROVENANCES)}"
        )
    if len(several) > 1:
        metafunc.fixturenames.append("provenance")
        metafunc.parametrize("provenance", several, ids=list(several))


def strata_of(metafunc: pytest.Metafunc) -> None:
    """A benchmark of several strata runs once each; a clock of its own takes its numbers to pytest-benchmark."""
    mark = metafunc.definition.get_closest_marker("measured")
    if mark is not None and mark.kwargs["strata"]:
        metafunc.parametrize("stratum", mark.kwargs["strata"], ids=list(mark.kwargs["strata"]))


def pytest_itemcollected(item: pytest.Item) -> None:
    from roadworthy.measuring.clock import VirtualClock

    check = declared(item) if item.config.stash[SESSION].lanes else None
    if check is not None:
        item.extra_keyword_matches.add(check.identity)  # so that -k takes an id as the page shows it
    mark = item.get_closest_marker("measured")
    if mark is not None:
        item.extra_keyword_matches.add(mark.args[0])
        item.add_marker(pytest.mark.benchmark(timer=VirtualClock(), group=mark.args[0]))
        # Copies of the fixture take the numbers, one a side; the fixture itself stays unused.
        item.add_marker(pytest.mark.filterwarnings("ignore:Benchmark fixture was not used at all"))


def declaration(request: pytest.FixtureRequest) -> Declared:
    """What the requesting check declared. A check without a declaration is a mistake in the check."""
    found = declared(request.node)
    if found is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses Roadworthy's fixtures without @check")
    return found


@pytest.fixture(scope="session")
def stand(lane: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The lane, running: its daemon, image and containers. Started at the first check that needs it."""
    yield from request.config.stash[SESSION].stands.up(lane)


@pytest.fixture
def declaration_of(request: pytest.FixtureRequest, stand: Any) -> Declared:
    """The check's declaration, after its needs were compared with what the lane's driver and engine have."""
    found = declaration(request)
    for feature in found.feature:
        if feature not in stand.features:
            raise Unsupported(LACKING[feature])
    stand.refuse_holes(found)
    return found


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """The check's transcript and observations."""
    found: Evidence = request.node.stash.setdefault(EVIDENCE, Evidence())
    found.made = []
    return found


@pytest.fixture
def observe(evidence: Evidence) -> Any:
    """Record what was seen, in one value that a person can read, and get it back to assert it.

    `seen = observe("read after write", fs.pread(reader, 3, 0))`, and then `assert seen == b"new"`.
    """
    return evidence.observe


@pytest.fixture
def container(stand: Any, declaration_of: Declared, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The container that this check shares with others, or with --isolate its own."""
    yield stand.container(declaration_of.capabilities)
    if request.config.getoption("isolate"):
        stand.replace_container(declaration_of.capabilities)


@pytest.fixture
def fs(stand: Any, declaration_of: Declared, evidence: Evidence, container: Any) -> Iterator[Process]:
    """A process in the container, in the check's own directory; each method is one system call."""
    from roadworthy.calls.preparation import prepared

    process = container.process(stand.place(declaration_of), evidence)
    prepared(process, declaration_of)
    yield process
    process.leave()


@pytest.fixture
def other(fs: Process, container: Any, evidence: Evidence) -> Iterator[Process]:
    """A second process in the same container and directory."""
    process = container.process(fs.directory, evidence, "B")
    yield process
    process.leave()


@pytest.fixture
def storage(stand: Any, declaration_of: Declared) -> Any:
    """The machine's view: layer directories, mount tables, what an operation cost on the backing."""
    return stand.storage(declaration_of)


@pytest.fixture
def containers(stand: Any, declaration_of: Declared, evidence: Evidence) -> Iterator[Any]:
    """Own containers and images of the lane's daemon, removed with the check."""
    own = stand.containers(declaration_of, evidence)
    yield own
    own.close()


@pytest.fixture
def engine(stand: Any, declaration_of: Declared) -> Any:
    """The lane's daemon: `engine.info()`, `engine.client` of the Docker SDK. Shared: do not stop it."""
    return stand.engine


@pytest.fixture
def driver(stand: Any, declaration_of: Declared) -> Any:
    """The lane's driver, as its file describes it: layout, whiteout form, root file system."""
    return stand.lane.driver


@pytest.fixture
def toolbox(stand: Any) -> Any:
    """Programs inside containers: `fs.run(*toolbox.command("mv", "a", "b"))`."""
    return stand.toolbox


@pytest.fixture
def software(stand: Any, declaration_of: Declared, request: pytest.FixtureRequest) -> Any:
    """Real software inside containers, from Debian's packages: `fs.run(*software.command("git", "fsck"))`."""
    return stand.software(request.config.getoption("accept_expired_suites"), request.config.stash[SESSION].stage)


@pytest.fixture
def lane_daemon(stand: Any, declaration_of: Declared, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A second daemon of the same lane for this check alone, to be restarted or killed; it has the lane's image."""
    yield from request.config.stash[SESSION].stands.second(stand, declaration(request))


@pytest.fixture
def own_containers(lane_daemon: Any, declaration_of: Declared, evidence: Evidence) -> Any:
    """What `containers` is for the lane's daemon, for `lane_daemon`; gone with it."""
    return lane_daemon.containers(declaration_of, evidence)


@pytest.fixture
def cramped(stand: Any, request: pytest.FixtureRequest, declaration_of: Declared, evidence: Evidence) -> Iterator[Any]:
    """Own containers of a second daemon of the same lane, whose backing has 400 MiB and may be filled."""
    daemon = request.config.stash[SESSION].stands.second(stand, declaration_of, 400 << 20)
    yield from (own.containers(declaration_of, evidence) for own in daemon)


@pytest.fixture
def own_storage(lane_daemon: Any, declaration_of: Declared) -> Any:
    """What `storage` is for the lane's daemon, for `lane_daemon`."""
    return lane_daemon.storage(declaration_of)


@pytest.fixture
def daemons(stand: Any, declaration_of: Declared, request: pytest.FixtureRequest) -> Any:
    """Daemons with any driver on any backing: `daemons.attempt(driver, "btrfs")`, `with daemons("vfs", "xfs") as …`."""
    return request.config.stash[SESSION].stands.daemons(stand)


@pytest.fixture
def bench(stand: Any, request: pytest.FixtureRequest, benchmark: Any) -> Iterator[Any]:
    """What a benchmark measures with: `bench.fio("randread-4k", stratum)`, `bench.paired(…)`, `bench.count(…)`."""
    from roadworthy.measuring.bench import Bench
    from roadworthy.measuring.lock import measuring_alone

    found = declared_benchmark(request.node)
    if found is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses the fixture bench without @measured")
    for feature in found.feature:
        if feature not in stand.features:
            pytest.skip(f"[unsupported] {LACKING[feature]}")
    session = request.config.stash[SESSION]
    clock = request.node.get_closest_marker("benchmark").kwargs["timer"]
    with measuring_alone(session.stage):
        own = Bench(
            stand, found, request.node.nodeid, session.bundle, benchmark, clock, session.stage,
            request.config.getoption("bench_seconds"),
            lambda: stand.software(request.config.getoption("accept_expired_suites"), session.stage),
        )  # fmt: skip
        try:
            yield own
        finally:
            own.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.get_closest_marker("measured") is not None:
        return reported_benchmark(item, call, report)
    if item.get_closest_marker("check") is None:
        return report
    session = item.config.stash[SESSION]
    judged: pytest.TestReport = session.recorder.report(item, call, report)
    judged.user_properties = [*judged.user_properties, *((SAID, text) for text in session.unsaid())]
    return judged


def reported_benchmark(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> pytest.TestReport:
    """A benchmark that the driver or this host has no means for is skipped, with the reason."""
    broken = call.excinfo.value if call.excinfo else None
    if isinstance(broken, Unsupported | Precondition):
        word = "unsupported" if isinstance(broken, Unsupported) else "skipped"
        return skipped(report, item, f"[{word}] {broken}")
    if report.when == "call" and report.passed and not item.funcargs["bench"].reporter.reported:  # type: ignore[attr-defined]
        report.outcome, report.longrepr = "failed", f"{item.nodeid} measured nothing"
    return report


def pytest_sessionstart(session: pytest.Session) -> None:
    if sys.platform != "linux":
        raise pytest.UsageError("roadworthy: storage drivers are Linux's; this is not Linux")
