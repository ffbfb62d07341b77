"""Whether containers share page cache, by the check or, where it was not asked, by the count."""

import dataclasses

import msgspec
import nights
import pytest
import sample
from sample_small import check

from roadworthy.reports.matrix import build
from roadworthy.reports.records import Result
from roadworthy.reports.site import page_cache

LANE = nights.LANE


def matrix_of(pages, verdict=None):
    """The matrix of one lane that counted these pages against 4096 of one file; `verdict` is the check's."""
    count = sample.count(LANE, page_cache.BENCHMARK, page_cache.METRIC, "pages", pages, baseline=4096.0)
    found = dataclasses.replace(nights.bundle(0), counts=(count,))
    if verdict:
        asked = check(page_cache.CHECK, "Containers of one image read one copy of its file.")
        result = Result(lane=LANE.id, check=asked.id, nodeid="t", verdict=verdict, at="", seconds=1.0)
        plan = msgspec.structs.replace(found.plan, checks=[asked], cells=[(LANE.id, asked.id)])
        found = dataclasses.replace(found, plan=plan, results=(result,))
    return build([found])


@pytest.mark.parametrize(("pages", "said"), [(4096.0, "shared"), (4100.0, "shared"), (20480.0, "not shared")])
def test_the_count_answers_where_the_check_was_not_asked(pages, said):
    assert page_cache.of_lane(matrix_of(pages), 0) == said


def test_the_check_has_the_first_word():
    """It is asked of five containers at once, and says why."""
    assert page_cache.of_lane(matrix_of(4096.0, "known"), 0) == "not shared"
    assert page_cache.of_lane(matrix_of(20480.0, "pass"), 0) == "shared"
    assert page_cache.of_lane(matrix_of(20480.0, "skipped"), 0) == "not shared"
