"""The pytest fixtures that a check or a benchmark may request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import pytest

from roadworthy.calls.evidence import Evidence
from roadworthy.calls.preparation import prepared
from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import Toolbox
from roadworthy.declaring.benchmarks import declared_benchmark
from roadworthy.declaring.checks import Declared, Misdeclared, declared
from roadworthy.declaring.features import LACKING, Feature
from roadworthy.drivers import Driver
from roadworthy.drivers.snapshotters import ContainerdOverlayfs
from roadworthy.engines.containers import Container, Containers
from roadworthy.engines.engine import Engine
from roadworthy.lane.daemons import Daemons
from roadworthy.lane.kernel_words import KernelWords
from roadworthy.lane.lanes import Lane
from roadworthy.lane.own_kernel import OwnKernel
from roadworthy.lane.registry import Puller
from roadworthy.lane.software import Software
from roadworthy.lane.stand import Stand
from roadworthy.lane.storage import Storage
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.reports.cuts import log_path
from roadworthy.reports.extra import ANALYSIS, lacking
from roadworthy.run.hunt import Hunt
from roadworthy.run.keys import EVIDENCE
from roadworthy.run.session import SESSION, Session

if TYPE_CHECKING:  # every run of pytest where the suite is installed imports this file; numpy and scipy are large
    from roadworthy.cuts.findings import Findings
    from roadworthy.cuts.operation import Operation
    from roadworthy.measuring.bench import Bench

Seen = TypeVar("Seen")
Given = ParamSpec("Given")
Found = TypeVar("Found")
#: What was found of operations by their names and rounds, or why it was not.
Searched = dict[tuple[str, int], "Findings | Exception"]
#: Bytes of the backing that a check may fill.
CRAMPED = 400 << 20


class Observe:
    """The value of the fixture `observe`."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def __repr__(self) -> str:
        return f"<observe of {self._evidence!r}>"

    def __call__(self, name: str, value: Seen) -> Seen:
        """Record `value` in readable form and return it."""
        return self._evidence.observe(name, value)


class Named(Generic[Given, Found]):
    """A function as a fixture's value, which a traceback shows by the fixture's name."""

    def __init__(self, name: str, function: Callable[Given, Found]) -> None:
        self._name = name
        self._function = function

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def __call__(self, *given: Given.args, **named: Given.kwargs) -> Found:
        return self._function(*given, **named)


@pytest.fixture(scope="session")
def roadworthy_run(request: pytest.FixtureRequest) -> Session:
    """The run of this pytest session."""
    return request.config.stash[SESSION]


@pytest.fixture(scope="session")
def stand(lane: Lane, roadworthy_run: Session) -> Iterator[Stand]:
    """The running lane: its daemon, image and containers. It starts at the first check that needs it."""
    yield from roadworthy_run.stands.up(lane)


@pytest.fixture
def declaration_of(request: pytest.FixtureRequest, stand: Stand) -> Declared:
    """The check's declaration. Raises Unsupported if the lane's driver or engine lacks something that it needs."""
    found = declared(request.node)
    if found is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses Roadworthy's fixtures without @check; add one with its id")
    if found.mistake:
        raise Misdeclared(f"@lower or @layers of {found.identity}: {found.mistake}")
    refuse_lacking(stand, found.feature)
    stand.refuse_holes(found)
    return found


def refuse_lacking(stand: Stand, needed: Feature) -> None:
    """Raise Unsupported for the first of these features that the lane's driver and engine lack."""
    for feature in needed:
        if feature not in stand.features:
            raise Unsupported(LACKING[feature])


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """The check's transcript and observations."""
    found: Evidence = request.node.stash.setdefault(EVIDENCE, Evidence())
    found.made = []
    return found


@pytest.fixture
def observe(evidence: Evidence) -> Observe:
    """Record a value and return it for the assertion: `assert observe("read after write", data) == b"new"`."""
    return Observe(evidence)


# --- the container that checks share


@pytest.fixture
def container(stand: Stand, declaration_of: Declared, roadworthy_run: Session) -> Iterator[Container]:
    """The container that this check shares with other checks, or its own with --isolate."""
    yield stand.container(declaration_of.capabilities)
    if roadworthy_run.option("isolate"):
        stand.replace_container(declaration_of.capabilities)


@pytest.fixture
def fs(stand: Stand, declaration_of: Declared, evidence: Evidence, container: Container) -> Iterator[Process]:
    """A process in the container, in the check's own directory; each method is one system call."""
    process = container.process(stand.place(declaration_of), evidence)
    prepared(process, declaration_of)
    yield process
    process.leave()


@pytest.fixture
def other(fs: Process, container: Container, evidence: Evidence) -> Iterator[Process]:
    """A second process in the same container and directory."""
    process = container.process(fs.directory, evidence, "B")
    yield process
    process.leave()


@pytest.fixture
def other_exec(fs: Process, container: Container, evidence: Evidence) -> Iterator[Process]:
    """A second process in the same container and directory, which a `docker exec` of its own has started."""
    with container.entered_again(fs.directory, evidence, "B") as process:
        yield process


@pytest.fixture
def toolbox(stand: Stand) -> Toolbox:
    """Programs inside containers: `fs.run(*toolbox.command("mv", "a", "b"))`."""
    return stand.toolbox


@pytest.fixture
def software(stand: Stand, declaration_of: Declared, roadworthy_run: Session) -> Software:
    """Real software inside containers, from Debian's packages: `fs.run(*software.command("git", "fsck"))`."""
    return stand.software(roadworthy_run.option("accept_expired_suites"), roadworthy_run.stage)


# --- the lane itself


@pytest.fixture
def storage(stand: Stand, declaration_of: Declared) -> Storage:
    """The lane seen from its machine: layer directories, mount tables, and what an operation cost on the backing."""
    return stand.storage(declaration_of)


@pytest.fixture
def engine(stand: Stand, declaration_of: Declared) -> Engine:
    """The lane's daemon: `engine.info()`, `engine.client` of the Docker SDK. Shared: do not stop it."""
    return stand.engine


@pytest.fixture
def driver(stand: Stand, declaration_of: Declared) -> Driver:
    """The lane's driver, as its file describes it: layout, whiteout form, root file system."""
    return stand.lane.driver


@pytest.fixture
def containers(stand: Stand, declaration_of: Declared, evidence: Evidence) -> Iterator[Containers]:
    """Containers and images of the check's own on the lane's daemon, removed when the check ends."""
    own = stand.containers(declaration_of, evidence)
    yield own
    own.close()


@pytest.fixture
def own_kernel(stand: Stand, declaration_of: Declared) -> OwnKernel:
    """The kernel below the lane, to do what reaches the whole machine; the check is skipped where that is not ours."""
    return OwnKernel(stand.machine, stand.home)


@pytest.fixture
def kernel_words(stand: Stand, declaration_of: Declared) -> Iterator[KernelWords]:
    """What the kernel has logged since the check began: `kernel_words("upperdir")` is the first line with that word."""
    log = stand.machine.kernel_log()
    try:
        yield KernelWords(log)
    finally:
        log.close()


@pytest.fixture
def puller(stand: Stand, declaration_of: Declared) -> Puller:
    """The lane's containerd as it pulls images itself: `with puller.root({"f": b""}) as root: …`."""
    if not isinstance(stand.lane.driver, ContainerdOverlayfs):
        raise Unsupported(
            "containerd unpacks what it pulls into its snapshotter overlayfs, unless it is configured anew"
        )
    return Puller(stand.engine, stand.lane.driver.daemon_name, stand.machine)


@pytest.fixture
def hunt(stand: Stand, declaration_of: Declared, evidence: Evidence, roadworthy_run: Session) -> Hunt:
    """Rounds of random work for as long as --minutes says: `for dice in hunt.rounds()`; one without it."""
    kernel = OwnKernel(stand.machine, stand.home) if stand.machine.own_kernel("").met else None
    minutes, seed = roadworthy_run.option("minutes"), roadworthy_run.option("hunt_seed")
    evidence.observe("seed", seed)
    return Hunt(minutes, seed, kernel, roadworthy_run.say)


# --- daemons of the check's own


@pytest.fixture
def lane_daemon(stand: Stand, declaration_of: Declared, roadworthy_run: Session) -> Iterator[Stand]:
    """A second daemon of the same lane, for this check to restart or kill; its image has this check's trees only."""
    with roadworthy_run.stands.second(stand, [declaration_of]) as own:
        yield own


@pytest.fixture
def power_cut(lane_daemon: Stand, roadworthy_run: Session) -> Iterator[Callable[[], None]]:
    """Cuts the power of `lane_daemon`'s machine, as far as its disk can tell, and starts the daemon on that disk."""
    before = lane_daemon.home
    yield Named("power_cut", lambda: roadworthy_run.stands.cut_power(lane_daemon))
    if lane_daemon.home is not before:
        lane_daemon.home.close()


@pytest.fixture(scope="session")
def searched(stand: Stand) -> Searched:
    """What was found of each operation of the lane, by its name and Stands.era: all promises ask of the same cuts."""
    return {}


@pytest.fixture
def cuts(
    stand: Stand, searched: Searched, declaration_of: Declared, evidence: Evidence, roadworthy_run: Session
) -> Callable[[Operation], Findings]:  # fmt: skip
    """Looks at what power cuts in an operation leave: `cuts(load)` captures it once and cuts the power at its flushes.

    The lane's own daemon is not touched.
    """

    from roadworthy.cuts.search import SIZE, search

    def asked_for(operation: Operation) -> Findings:
        key = operation.name, roadworthy_run.stands.era
        if key not in searched:
            logged = partial(roadworthy_run.stands.second, stand, [], SIZE, logged=True)
            asked, faults, said = roadworthy_run.option("cuts"), roadworthy_run.faults, roadworthy_run.stage
            most = operation.usual if asked is None else asked
            accept = roadworthy_run.option("accept_expired_suites")

            def software(on: Stand) -> Software:
                return on.software(accept, said)

            try:
                found = search(
                    operation, logged, faults, roadworthy_run.site(), software, most, said, asked is not None,
                    kept_log(roadworthy_run, stand, operation),
                )  # fmt: skip
                written = "" if asked is None else "all" if math.isinf(asked) else f"{asked:g}"
                searched[key] = replace(found, asked=written)
            except Exception as reason:  # a search is long, and would end alike for each promise
                searched[key] = reason
        outcome = searched[key]
        if isinstance(outcome, Exception):
            raise outcome
        evidence.transcript[:] = outcome.evidence.transcript
        evidence.observe("cuts", outcome)
        return outcome.taken_by(evidence)

    return Named("cuts", asked_for)


def kept_log(run: Session, stand: Stand, operation: Operation) -> Path | None:
    """The file in which --keep-logs keeps the log of an operation."""
    if run.bundle is None or not run.option("keep_logs"):
        return None
    return run.bundle.directory / log_path(stand.lane.id, operation.name, stand.round)


@pytest.fixture
def own_containers(lane_daemon: Stand, declaration_of: Declared, evidence: Evidence) -> Iterator[Containers]:
    """Containers and images of the check's own on `lane_daemon`, which takes them with it when it ends."""
    own = lane_daemon.containers(declaration_of, evidence)
    yield own
    own.leave()


@pytest.fixture
def own_storage(lane_daemon: Stand, declaration_of: Declared) -> Storage:
    """`lane_daemon` seen from its machine: layer directories, mount tables, and what an operation cost."""
    return lane_daemon.storage(declaration_of)


@pytest.fixture
def cramped(
    stand: Stand, roadworthy_run: Session, declaration_of: Declared, evidence: Evidence
) -> Iterator[Containers]:  # fmt: skip
    """Containers on a second daemon of the same lane, whose backing has 400 MiB and may be filled."""
    with roadworthy_run.stands.second(stand, [declaration_of], CRAMPED) as own:
        cramped = own.containers(declaration_of, evidence)
        yield cramped
        cramped.leave()


@pytest.fixture
def daemons(stand: Stand, declaration_of: Declared, roadworthy_run: Session) -> Daemons:
    """Daemons with any driver on any backing: `daemons.attempt(driver, "btrfs")`, `with daemons("vfs", "xfs") as …`."""
    return roadworthy_run.stands.daemons(stand)


# --- benchmarks


@pytest.fixture
def bench(stand: Stand, request: pytest.FixtureRequest, roadworthy_run: Session, benchmark: Any) -> Iterator[Bench]:
    """The instruments of a benchmark: `bench.fio("randread-4k", stratum)`, `bench.paired(…)`, `bench.count(…)`."""
    if reason := lacking(ANALYSIS):
        raise Precondition(reason)
    from roadworthy.measuring.bench import Bench
    from roadworthy.measuring.lock import measuring_alone

    found = declared_benchmark(request.node)
    if found is None:
        raise pytest.UsageError(f"{request.node.nodeid} uses the fixture bench without @measured; add one with its id")
    refuse_lacking(stand, found.feature)
    clock = request.node.get_closest_marker("benchmark").kwargs["timer"]
    with measuring_alone(roadworthy_run.stage):
        own = Bench(
            stand, found, request.node.nodeid, roadworthy_run.bundle, benchmark, clock, roadworthy_run.stage,
            roadworthy_run.option("bench_seconds"),
            lambda: stand.software(roadworthy_run.option("accept_expired_suites"), roadworthy_run.stage),
        )  # fmt: skip
        try:
            yield own
        finally:
            own.close()
