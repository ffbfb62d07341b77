"""The suite itself: its numbers are those that a user would measure by hand, its verdicts those of the work."""

import os

import pytest

from roadworthy import WEEKLY, measured

#: Reads of one measurement, and their bytes.
READS, PAGE = 100, 4096


@pytest.mark.parametrize("workload", ["null-4k", "randread-4k"])
@measured("suite/wrapper", WEEKLY)
def test_a_job_through_the_suite(bench, workload):
    """What fio measures when the suite starts it, against `docker exec` of the same job typed by hand."""
    bench.fio.by_hand(workload)


def work_and_more(bench, stratum, more, arm):
    """Rows of reads past the page cache, on one file of the volume; the arm makes `more` of them and says nothing."""
    fs = bench.process(bench.container(bench.everywhere({"file": bench.filler(READS * PAGE)})))

    def measure(side):
        reads = READS + (more if side == "arm" else 0)
        pages = [["pread_aligned", [0], PAGE, PAGE * (7 * at % READS)] for at in range(reads)]
        rows = [["open", "file", os.O_RDONLY | os.O_DIRECT], *pages, ["close", [0]]]
        return bench.calls(fs, "baseline", rows, slice(1, -1), operations=READS, cold=READS * PAGE)

    bench.paired(measure, metric="time per read", stratum=stratum, names=("the work", arm))


@pytest.mark.parametrize("turn", range(1, 11))
@measured("suite/slowed", WEEKLY)
def test_a_fifth_more_work_is_slower(bench, turn):
    """What work costs of which a fifth more is done than is told: nine of ten tries have to say slower."""
    work_and_more(bench, f"try-{turn}", READS // 5, "a fifth more")


@pytest.mark.parametrize("turn", range(1, 21))
@measured("suite/alike", WEEKLY)
def test_the_same_work_is_neither(bench, turn):
    """What the same work costs: of twenty tries, nineteen have to say neither slower nor faster."""
    work_and_more(bench, f"try-{turn}", 0, "the same work")
