"""Reports between a worker and who conducts the run: what arrives is what was sent."""

import copy

import pytest

from roadworthy.run.packed_reports import PACKED, PackedReports

REPORT = pytest.TestReport(
    "test_a.py::test_b[lane-lower]", ("test_a.py", 7, "test_b[lane-lower]"), {"test_b": 1, "check": 1}, "passed", None,
    "call", [("system calls", "open('a') = 3\n4 é")], 0.25, 1.5, 1.75,
    user_properties=[("lane", "overlay2-ext4"), ("observed: files", 200), ("ratio", 0.1), ("nothing", None)],
)  # fmt: skip


def sent(config, report):
    """What travels of a report, with the plugin, and what arrives."""
    config.pluginmanager.register(PackedReports())
    data = config.hook.pytest_report_to_serializable(config=config, report=report)
    return data, config.hook.pytest_report_from_serializable(config=config, data=copy.deepcopy(data))


def changed(**attributes):
    report = copy.copy(REPORT)
    report.__dict__.update(attributes)
    return report


def test_a_report_of_a_passed_test_travels_as_one_string(pytester):
    data, arrived = sent(pytester.parseconfig(), REPORT)
    assert list(data) == [PACKED]
    assert vars(arrived) == vars(REPORT)
    assert type(arrived) is pytest.TestReport


@pytest.mark.parametrize(
    "report",
    [
        changed(outcome="skipped", longrepr=("test_a.py", 7, "Skipped: no device")),
        changed(outcome="failed", longrepr="it failed"),
        changed(user_properties=[("pair", (1, 2))]),
        changed(extras=[{"format": "html"}]),
        changed(wasxfail="known"),
    ],
    ids=["skipped", "failed", "tuple", "extra", "known"],
)
def test_any_other_report_travels_as_pytest_sends_it(pytester, report):
    """Its values keep the types that pytest and other plugins look for."""
    data, arrived = sent(pytester.parseconfig(), report)
    assert data == {**report._to_json(), "$report_type": "TestReport"}
    assert {**vars(arrived), "$report_type": ""} == {**vars(report), "$report_type": ""}


def test_a_report_of_a_collection_travels_as_pytest_sends_it(pytester):
    report = pytest.CollectReport("test_a.py", "passed", None, [])
    data, arrived = sent(pytester.parseconfig(), report)
    assert data["$report_type"] == "CollectReport"
    assert (arrived.nodeid, arrived.outcome) == ("test_a.py", "passed")
