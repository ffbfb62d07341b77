"""Lanes side by side, by pytest-xdist's workers: one bundle, one page, nothing left."""

import pytest

from roadworthy.reports.bundle import read_bundle

pytestmark = pytest.mark.real

CHECKS = """
@check("sample/first")
@lower(f=b"lower")
def test_first(fs):
    '''It holds.'''
    assert fs.load("f") == b"lower"

@check("sample/fails")
@lower(f=b"lower")
def test_fails(fs):
    '''It does not hold.'''
    assert fs.load("f") == b"upper"
"""


def test_F35_each_lane_runs_in_one_worker_and_all_in_one_bundle(start):
    """Two lanes and two workers make one complete bundle and its page, and leave nothing."""
    run = start(CHECKS, "-n", "2", "--driver=overlay2,vfs")
    assert run.process.wait(300) == 1, run.text()[-3000:]
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    seen = {(result.lane.partition("-")[0], result.check): result.verdict for result in found.results}
    assert seen == {
        (driver, check): verdict
        for driver in ("overlay2", "vfs")
        for check, verdict in {"sample/first": "pass", "sample/fails": "fail"}.items()
    }
    assert sorted(record.lane.partition("-")[0] for record in found.lanes) == ["overlay2", "vfs"], "each came up once"
    assert sorted(path.name for path in run.bundle.iterdir()) == ["bundle.jsonl", "index.html"]
    assert "docker" in run.text(), "what a worker has to say is said"
    assert run.left() == []
