"""Rounds in a matrix and on the page: tallies, bounds, what is flaky, and whether two runs agree."""

from __future__ import annotations

import dataclasses
import re
from math import comb
from pathlib import Path

import msgspec
import pytest
import sample
from click.testing import CliRunner
from test_matrix import NATIVE, OVERLAY, bundle, result

from roadworthy.command.cli import main
from roadworthy.reports.agreement import agreement
from roadworthy.reports.bundle import BundleRefused, read_bundle
from roadworthy.reports.matrix import build
from roadworthy.reports.page import page_text
from roadworthy.reports.records import Result, Verdict
from roadworthy.reports.repeats import Tally, flaky, upper_bound


def rounds(*verdicts: Verdict, name: str = "a/one") -> list[Result]:
    return [msgspec.structs.replace(result(NATIVE, name, verdict), round=number, reason=f"round {number}")
            for number, verdict in enumerate(verdicts, 1)]  # fmt: skip


def repeated(*results: Result, planned: int):
    whole = bundle(*results, checks=("a/one", "a/two"), lanes=(NATIVE,))
    return dataclasses.replace(whole, plan=msgspec.structs.replace(whole.plan, rounds=planned))


def test_none_of_many_is_the_rule_of_three():
    """Zero odd rounds of n bound the rate at 1 - 0.05^(1/n), a little below 3/n."""
    assert upper_bound(0, 1) == pytest.approx(0.95)
    assert upper_bound(0, 50) == pytest.approx(0.05816, abs=1e-5)
    assert 2.9 / 300 < upper_bound(0, 300) < 3 / 300


@pytest.mark.parametrize(("odd", "asked"), [(1, 4), (1, 50), (7, 50), (49, 50)])
def test_a_bound_is_where_so_few_are_seen_once_in_twenty_times(odd: int, asked: int):
    """At the bound, the probability of at most so many odd rounds is 5 %: the binomial distribution itself."""
    rate = upper_bound(odd, asked)
    seen = sum(comb(asked, k) * rate**k * (1 - rate) ** (asked - k) for k in range(odd + 1))
    assert seen == pytest.approx(0.05, abs=1e-9)


def test_a_bound_needs_sense():
    """All of n is bounded by certainty; more than n is a mistake."""
    assert upper_bound(3, 3) == 1.0
    with pytest.raises(ValueError, match="4 of 3"):
        upper_bound(4, 3)


def test_a_tally_counts_what_differs_from_most():
    """The most common verdict is the expected one, and the others are odd."""
    tally = Tally.of(rounds("pass", "fail", "pass", "error", "pass"))
    assert (tally.rounds, tally.odd, tally.rate, tally.flaky) == (5, 2, 0.4, True)
    assert str(tally) == "1 error, 1 fail, 3 pass"
    assert not Tally.of(rounds("known", "known")).flaky
    assert [found[:2] for found in flaky(rounds("pass", "fail"))] == [(NATIVE.id, "a/one")]


def test_the_worst_round_is_the_cell():
    """A cell of several rounds rolls up as its worst one, with that round's reason."""
    matrix = build(
        [repeated(*rounds("pass", "fail", "pass"), *rounds("pass", "pass", "pass", name="a/two"), planned=3)]
    )
    cell = matrix.rows[0].cells[0]
    assert (cell.verdict, cell.reason, cell.tally.flaky) == ("fail", "round 2", True)
    assert matrix.counts == (("fail", 1), ("pass", 1))
    assert [found[1].id for found in matrix.flaky] == ["a/one"]
    assert len(matrix.repeated) == 2
    assert (matrix.runs[0].planned, matrix.runs[0].reported) == (6, 6)


def test_rounds_that_are_missing_make_good_news_partial():
    """Two of three planned rounds are no pass."""
    short = repeated(*rounds("pass", "pass"), *rounds("pass", "pass", "pass", name="a/two"), planned=3)
    assert build([short]).families[0].roll_ups[0].word == "partial"


def test_the_page_names_what_is_flaky():
    """A flaky cell says so with its counts, in the matrix, at the top and in the drawer."""
    text = page_text(
        [repeated(*rounds("pass", "fail", "pass"), *rounds("pass", "pass", "pass", name="a/two"), planned=3)]
    )
    assert "flaky: 1 fail, 2 pass" in text
    assert "<strong>1 flaky.</strong>" in text
    assert "1 of 3 rounds differ" in text
    steady = page_text([repeated(*rounds("pass", "pass"), planned=2)])
    assert "no rounds disagreed" in steady
    assert "several times" not in page_text([bundle(result(NATIVE, "a/one"))])


@pytest.mark.parametrize("wrong", [0, 3])
def test_a_round_that_was_not_planned_is_refused(tmp_path: Path, wrong: int):
    """A result of round 3 in a run of two rounds, or of round 0, is no record of that run."""
    records = list(sample.records())
    records[0] = msgspec.structs.replace(records[0], rounds=2)
    place = next(number for number, record in enumerate(records) if isinstance(record, Result))
    records[place] = msgspec.structs.replace(records[place], round=wrong)
    with pytest.raises(BundleRefused, match=f"round {wrong} is not in the plan"):
        read_bundle(sample.write(tmp_path / "sample", records))


def test_two_runs_agree_or_every_difference_is_told():
    """Cells that both have are compared; what one has alone is counted."""
    first = build(
        [bundle(result(NATIVE, "a/one"), result(NATIVE, "a/two"), lanes=(NATIVE,), checks=("a/one", "a/two"))]
    )
    answered = (result(NATIVE, "a/one", "fail"), result(OVERLAY, "a/one"))
    second = build([bundle(*answered, lanes=(NATIVE, OVERLAY), checks=("a/one", "a/two"))])
    assert agreement(first, first).apart == ()
    found = agreement(first, second)
    assert [row[1:4] for row in found.apart] == [("a/one", "pass", "fail")]
    assert (found.common, found.first_alone, found.second_alone) == (1, 1, 1)


def test_the_command_compares_two_bundles(tmp_path: Path):
    """`roadworthy agree` prints what differs and ends with 1; runs without a common lane are a usage error."""
    records = list(sample.records())
    place = next(
        number for number, record in enumerate(records) if isinstance(record, Result) and record.verdict == "pass"
    )
    other = [*records]
    other[place] = msgspec.structs.replace(records[place], verdict="fail", reason="assert 1 == 2")
    one, two = (str(sample.write(tmp_path / name, found)) for name, found in (("one", records), ("two", other)))
    torn = str(sample.write(tmp_path / "torn", records[:-1]))
    incomplete = CliRunner().invoke(main, ["agree", one, torn])
    assert (incomplete.exit_code, "no closing record" in incomplete.output) == (1, True)
    same = CliRunner().invoke(main, ["agree", one, one])
    assert (same.exit_code, ", 0 differ" in same.output) == (0, True)
    differing = CliRunner().invoke(main, ["agree", one, two])
    assert differing.exit_code == 1
    assert re.search(rf"{re.escape(records[place].check)} +pass +fail +assert 1 == 2\n", differing.output)
