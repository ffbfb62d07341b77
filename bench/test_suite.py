"""The suite itself: that a number which it reports is the one that its user would have measured by hand."""

import pytest

from roadworthy import NIGHTLY, measured


@pytest.mark.parametrize("workload", ["null-4k", "randread-4k"])
@measured("suite/wrapper", NIGHTLY)
def test_a_job_through_the_suite(bench, workload):
    """What fio measures when the suite starts it, against `docker exec` of the same job typed by hand."""
    bench.fio.by_hand(workload, rows=40)
