"""Benchmarks of xdist's workers in pytest-benchmark's table and JSON, as if there were no workers."""

import json
from types import SimpleNamespace

import msgspec
import pytest
import sample
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.utils import NameWrapper

from roadworthy.measuring import side_by_side
from roadworthy.measuring.clock import VirtualClock
from roadworthy.measuring.reporting import hand_on_sides
from roadworthy.measuring.side_by_side import InWorker, SideBySide
from roadworthy.reports.records import Benchmark


def benchmarks():
    """The sample's records of benchmarks, in a unit as real ones have it."""
    found = [record for record in sample.records() if isinstance(record, Benchmark)]
    return [msgspec.structs.replace(record, unit="us") for record in found]


def valid():
    return [record for record in benchmarks() if record.verdict != "invalid"]


def test_the_conductor_writes_what_workers_measured(pytester):
    """Each valid record has two rows with its samples in seconds, with the table of each group; an invalid one none."""

    class Joined:
        """Registers what hands the records on, as the suite's plugin does for a conductor."""

        def pytest_configure(self, config):
            bundle = SimpleNamespace(benchmarks=benchmarks())
            config.pluginmanager.register(SideBySide(config, SimpleNamespace(bundle=bundle)))

    pytester.makepyfile("def test_nothing(): pass")
    path = pytester.path / "out.json"
    done = pytester.runpytest_inprocess(
        f"--benchmark-json={path}", "-pno:cacheprovider", "-pno:xdist", plugins=[Joined()]
    )
    rows = json.loads(path.read_text())["benchmarks"]
    assert len(rows) == 2 * len(valid())
    some = valid()[0]
    mine = [row for row in rows if row["extra_info"]["benchmark"] == some.benchmark]
    assert [row["stats"]["data"] for row in mine][:2] == [
        pytest.approx([value * 1e-6 for value in side.samples]) for side in (some.baseline, some.arm)
    ]
    assert f"benchmark '{mine[0]['group']}'" in done.stdout.str()


def test_a_row_looks_as_it_would_without_workers(pytester):
    """Name, group, parameters and statistics are those that the test's own fixture gives."""
    record = valid()[0]
    config = pytester.parseconfigure("-pno:cacheprovider")
    session = config._benchmarksession
    clock, other = VirtualClock(), VirtualClock()
    _, _, name = record.nodeid.rpartition("::")
    node = SimpleNamespace(name=name, nodeid=record.nodeid)
    if "[" in name:
        node.callspec = SimpleNamespace(id=name.partition("[")[2][:-1], params={"lane": record.lane})
    own = BenchmarkFixture(
        node, add_stats=session.benchmarks.append, logger=session.logger, warner=None, disabled=False,
        **{**session.options, "timer": NameWrapper(clock)},
    )  # fmt: skip
    hand_on_sides(record, own, clock)
    plain = [row.as_dict() for row in session.benchmarks]
    session.benchmarks.clear()
    hand_on_sides(record, side_by_side.fixture(session, record, other), other)
    assert [row.as_dict() for row in session.benchmarks] == plain
    assert len(plain) == 2


@pytest.mark.parametrize(("test", "params"), [("test[lower-LANE]", {"stratum": "lower"}), ("test[LANE]", {})])
def test_a_stratum_is_a_parameter_where_the_test_was_asked_for_it(pytester, test, params):
    """A benchmark that chooses its stratum itself has none."""
    record = valid()[0]
    nodeid = f"bench/test_data.py::{test.replace('LANE', record.lane)}"
    session = pytester.parseconfigure("-pno:cacheprovider")._benchmarksession
    made = side_by_side.fixture(
        session, msgspec.structs.replace(record, nodeid=nodeid, stratum="lower"), VirtualClock()
    )
    assert made.params == {"lane": record.lane, **params}


def test_nothing_is_handed_on_without_records():
    """A run of checks alone leaves pytest-benchmark as it is."""
    session = SimpleNamespace(benchmarks=[], disabled=True)
    config = SimpleNamespace(_benchmarksession=session)
    for bundle in (None, SimpleNamespace(benchmarks=[])):
        SideBySide(config, SimpleNamespace(bundle=bundle)).pytest_sessionfinish()
    assert session.disabled


@pytest.mark.parametrize(("others", "said"), [([], False), (["benchmark"], True), (["fs"], False)])
def test_a_worker_says_that_others_are_disabled_and_not_that_ours_are(others, said):
    """pytest-benchmark's warning stays for a benchmark that is not the suite's."""
    ours = SimpleNamespace(get_closest_marker=lambda _: True, fixturenames=["benchmark"])
    theirs = SimpleNamespace(get_closest_marker=lambda _: None, fixturenames=others)
    session = SimpleNamespace(xdist_benchmark_found=True)
    InWorker().pytest_collection_modifyitems(SimpleNamespace(_benchmarksession=session), [ours, theirs])
    assert session.xdist_benchmark_found == said


def test_a_histogram_that_cannot_be_drawn_is_refused_at_once(run, fake_stand, monkeypatch):
    """The error names the packages and the extra; without the option nothing is asked."""
    monkeypatch.setattr(side_by_side, "DRAWING", ("pygal_that_is_missing",))
    check = "@check('sample/one')\ndef test_one(declaration_of):\n    '''It holds.'''\n    assert declaration_of\n"
    done = run(check, "-p", "pytest_benchmark.plugin", "--benchmark-histogram")
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "needs pygal_that_is_missing: pip install 'roadworthy[histogram]'" in done.text
    assert run(check).verdicts == {"sample/one": "pass"}
