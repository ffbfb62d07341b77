"""What a benchmark measures with, on a stand that is faked: calls become costs, and what was timed is counted."""

from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.calls.process import Timed
from roadworthy.calls.toolbox import Toolbox
from roadworthy.declaring.benchmarks import Declaration
from roadworthy.declaring.features import Feature
from roadworthy.measuring import reporting
from roadworthy.measuring.bench import Bench
from roadworthy.measuring.counters import Work
from roadworthy.measuring.design import SIDES, Budget
from roadworthy.measuring.ground import KEPT, Fresh, Layout
from roadworthy.measuring.reporting import Reporter
from roadworthy.measuring.rows import Rows
from roadworthy.measuring.system_calls import SystemCalls
from roadworthy.reasons import Precondition
from roadworthy.reports.records import Count
from roadworthy.supplies.packages import needs


class FakeMeter:
    """Counts one flush for each look at the device."""

    def __init__(self):
        self.flushes = 0.0

    @contextmanager
    def counting(self):
        work, before = Work(), self.flushes
        yield work
        self.flushes += 1
        work.device = {"flushes": self.flushes - before}


class FakeCalls(SystemCalls):
    """What a tracer would have seen: a stat for each row, and one for each word of a program."""

    def __init__(self, *programs):
        super().__init__(None, Toolbox(None, "ld.so", frozenset(programs)), "report", lambda: 1)

    def of_process(self, process, rows=(), argv=(), directory=None):
        return {"": {"newfstatat": len(rows) or len(argv), "brk": 7}, "server": {"read": 1}}


class FakeProcess:
    """Every call takes as many nanoseconds as its row has words."""

    def __init__(self):
        self.asked = []

    def timed(self, rows, patience, directory):
        self.asked.append((directory, rows))
        return Timed([len(row) for row in rows])

    def timed_run(self, *argv, patience, directory):
        self.asked.append((directory, argv))
        return Timed([1000])


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """A bench that writes its records into a list."""
    made = object.__new__(Bench)
    driver = SimpleNamespace(name="overlay2")
    made.records = []
    declaration = Declaration("block/work", "Works.", "smoke", Feature.NONE)
    reporter = Reporter(
        SimpleNamespace(id="lane", driver=driver), declaration, "node",
        SimpleNamespace(write=made.records.append), None, None,
    )  # fmt: skip
    Rows.__init__(made, reporter, FakeCalls("strace"), Budget(0.0), lambda _: nullcontext())
    made.stand = SimpleNamespace(
        lane=SimpleNamespace(id="lane", driver=driver), machine=None, native=False,
        toolbox=Toolbox(tmp_path, "ld.so", frozenset({"tar"})),
    )  # fmt: skip
    made.features, made.meter = Feature.NONE, FakeMeter()
    made._layout, made._renewable = Layout("/c/block.work", "/volume", "block.work", native=False), False
    made._bytes, made._used, made._stopped = 0, [], []
    monkeypatch.setattr(reporting, "hand_on_sides", lambda *_: None)
    monkeypatch.setattr(Bench, "settle", lambda self: setattr(self.meter, "flushes", self.meter.flushes + 10))
    return made


def test_the_cost_of_calls_is_that_of_the_chosen_ones(bench):
    """A mean of what is in the slice, or of the operations that the calls amount to."""
    rows = [["open", "a", 1, 2], ["open", "b", 1, 2], ["close", 0], ["close", 1]]
    assert bench.calls(FakeProcess(), "arm", rows, slice(0, 2)).cost == 4.0
    pairs = bench.calls(FakeProcess(), "arm", rows, operations=2)
    assert (pairs.cost, pairs.operations) == (6.0, 2)


def test_every_side_is_reached_by_the_same_path(bench):
    """What is timed begins in the side's directory: neither its depth nor a mount on the way is a part of it."""
    fs = FakeProcess()
    for side in SIDES:
        bench.calls(fs, side, [["stat", "a"]])
        bench.program(fs, side, "find", "tree")
    assert {tuple(map(tuple, asked)) for _, asked in fs.asked[::2]} == {(("stat", "a"),)}
    assert {asked for _, asked in fs.asked[1::2]} == {("find", "tree")}
    assert [where for where, _ in fs.asked[::2]] == [where for where, _ in fs.asked[1::2]]
    assert [where for where, _ in fs.asked[::2]] == [bench.directory(side) for side in SIDES]


@pytest.mark.parametrize("native", [False, True])
def test_the_sides_lie_equally_deep(native):
    """A program that makes a path absolute has as many directories to pass on each side; not so in the old layout."""
    even = Layout("/c/block.work", "/volume", "block.work", native)
    assert {even.directory(side).count("/") for side in SIDES} == {2}
    assert len({even.directory(side) for side in SIDES}) == 3
    uneven = Layout("/c/block.work", "/volume", "block.work", False, deep=True)
    assert [uneven.directory(side).count("/") for side in SIDES] == [4, 4, 2]


def test_what_comes_later_is_counted_by_a_name_of_its_own(bench):
    """What settling writes is not taken for what the calls wrote."""
    found = bench.calls(FakeProcess(), "arm", [["stat", "a"]], settled=True)
    assert found.counters["device flushes"] == 1.0
    assert found.counters["device flushes, settled"] > 10.0
    assert "device flushes, settled" not in bench.calls(FakeProcess(), "arm", [["stat", "a"]]).counters


def test_a_program_is_divided_by_what_it_did(bench):
    """A run over so many files is so many operations."""
    found = bench.program(FakeProcess(), "arm", "tar", operations=10)
    assert (found.cost, found.operations) == (100.0, 10)


def test_a_program_that_is_missing_names_its_package(bench):
    """Nothing is measured without it, and what to install is said."""
    assert bench.tool("tar", "-x")[-2:] == ["/toolbox/bin/tar", "-x"]
    with pytest.raises(Precondition, match=needs("sqlite3")):
        bench.tool("sqlite3")


def test_every_row_has_a_fresh_container(bench, monkeypatch):
    """The old one is gone, the new one is prepared, and nothing is pending."""
    made = []

    def container(self, image):
        made.append(SimpleNamespace(image=image, removed=False))
        made[-1].remove = lambda own=made[-1]: setattr(own, "removed", True)
        return made[-1]

    prepared = []
    renewed = []
    monkeypatch.setattr(Bench, "container", container)
    monkeypatch.setattr(Bench, "renew", lambda self, *sides: renewed.append((len(made), *sides)))
    monkeypatch.setattr(Bench, "process", lambda self, container: container.image)
    fresh = bench.fresh("image", prepared.append)
    assert isinstance(fresh, Fresh)
    fresh()
    fresh()
    assert [container.removed for container in made] == [True, False]
    assert prepared == ["image", "image"]
    assert renewed == [(0, "baseline"), (1, "again"), (1, "again"), (2, "baseline")], "of what age the container is"
    assert bench.meter.flushes == 20.0


def test_what_rows_have_used_is_kept_while_there_is_room(bench, monkeypatch):
    """Trees that are made anew never lie in the holes of removed ones, until the kept ones would fill the disk."""
    ran, told = [], []

    def container(self, image):
        made = SimpleNamespace(remove=lambda: told.append("removed"))
        made.stop = lambda: [told.append("stopped"), made][1]
        return made

    home = SimpleNamespace(run=lambda argv, seconds=60: ran.append(argv), inside=str)
    bench.stand.home = home
    bench.stand.backing = SimpleNamespace(path=lambda *names: Path("/", *names), settle=lambda: None)
    bench.outside = Path("/volume/b/block.work")
    monkeypatch.setattr(Bench, "container", container)
    monkeypatch.setattr(Bench, "process", lambda self, container: None)
    bench._renewable, bench._bytes = True, KEPT // 3
    fresh = bench.fresh("image")
    fresh()
    fresh()
    assert told == ["stopped"]
    moved = [argv[1:] for argv in ran if argv[0] == "mv"]
    work = "/volume/block.work"
    assert moved == [[f"{work}.{side}", f"{work}.{side}.{number}"]
                     for number, side in enumerate(("baseline", "again", "again", "baseline"))]  # fmt: skip
    assert not [argv for argv in ran if argv[0] == "rm"]
    fresh()
    assert told == ["stopped", "stopped", "removed", "removed"]
    assert [argv[3:] for argv in ran if argv[0] == "rm"] == [[new for _, new in moved]]


@pytest.mark.parametrize(("native", "sides"), [(False, ("baseline", "again")), (True, SIDES)])
def test_sides_on_the_volume(bench, native, sides):
    """Where there are no layers, the arm's files lie there, too."""
    bench.stand.native = native
    assert bench.plain == sides


def counts(bench):
    return {(record.benchmark, record.metric): record for record in bench.records if isinstance(record, Count)}


def test_what_was_timed_is_done_once_more_and_its_system_calls_are_counted(bench):
    """For the baseline and the driver, per operation; what is no work on files is in the parts and not in the total."""
    turns = []
    rows = {"baseline": [["stat", "a"]] * 4, "again": [["stat", "a"]] * 4, "arm": [["stat", "a"]] * 6}
    bench.paired(
        lambda side: bench.calls(FakeProcess(), side, rows[side], operations=2),
        metric="time per stat", stratum="upper",
        before=lambda: turns.append(bench.system_calls.counting),
    )  # fmt: skip
    found = counts(bench)
    count = found["block/work/upper", "system calls per stat"]
    assert (count.value, count.baseline, count.unit) == (3.0, 2.0, "calls")
    assert (count.parts, count.baseline_parts) == ({"newfstatat": 6, "brk": 7}, {"newfstatat": 4, "brk": 7})
    assert found["block/work/upper", "system calls per stat, server"].value == 0.5
    assert turns == [False] * 12 + [True], "the row that counts is a further one"
    assert all(sample.value > 0 for sample in bench.records[0].samples), "no sample is of a traced call"


def test_every_point_and_phase_has_its_system_calls(bench):
    """By the names of their benchmarks, so that both can be held against each other."""
    bench.sweep(
        lambda side, depth: bench.calls(FakeProcess(), "arm", [["stat", "a"]] * depth), (1, 2),
        axis="depth", axis_unit="layers", metric="time per stat",
    )  # fmt: skip
    bench.phases(lambda side: {"time per file": bench.program(FakeProcess(), "arm", "tar", "-x", operations=2)})
    mine = {key: record.value for key, record in counts(bench).items() if "server" not in key[1]}
    assert mine == {
        ("block/work@1", "system calls per stat"): 1.0, ("block/work@2", "system calls per stat"): 1.0,
        ("block/work", "system calls per file"): 1.0,
    }  # fmt: skip


def test_without_a_tracer_there_are_times_only(bench):
    """A warning says what to install; nothing else changes."""
    bench.system_calls = FakeCalls()
    with pytest.warns(UserWarning, match=f"not counted: {needs('strace')}"):
        record = bench.paired(lambda side: bench.calls(FakeProcess(), "arm", [["stat", "a"]]), metric="time per stat")
    assert record.verdict != "invalid"
    assert counts(bench) == {}
