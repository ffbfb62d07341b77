"""How often an operation is captured: once for all promises, and again when what was found no longer counts."""

import pytest

from roadworthy.cuts import search as searching
from roadworthy.cuts.findings import Findings, Positioned

ASKING = """
from types import SimpleNamespace
OPERATION = SimpleNamespace(name="load", usual=3)

@check("sample/one")
def test_one(cuts):
    '''It asks once.'''
    cuts(OPERATION)

@check("sample/two")
def test_two(cuts):
    '''It asks of what was found.'''
    cuts(OPERATION)
"""

FAULTY_NEXT = """
@check("sample/three")
def test_three(cuts, roadworthy_run, tmp_path):
    '''It asks again when the lane has become another mutant's, as in a series.'''
    with roadworthy_run.turn("other", tmp_path / "other", []):
        cuts(OPERATION)
        cuts(OPERATION)
"""


@pytest.fixture
def searches(monkeypatch, fake_stand):
    """What was searched, each time with the number of cuts."""
    made = []

    def search(operation, _second, _faults, _site, _software, most, _stage, _exact, _keep):
        made.append((operation.name, most))
        return Findings(operation, [], [], 0, Positioned(lambda: 0), (0, 0))

    monkeypatch.setattr(searching, "search", search)
    return made


def test_promises_share_a_search(run, searches):
    assert run(ASKING).counts == {"passed": 2}
    assert searches == [("load", 3)]


def test_the_command_line_says_how_many_cuts(run, searches):
    run(ASKING, "--cuts=7")
    assert searches == [("load", 7)]


def test_each_round_searches_anew(run, searches):
    run(ASKING, "--repeat=2")
    assert len(searches) == 2


def test_each_mutant_of_a_series_is_searched_for(run, searches):
    """What a sound lane has left says nothing of the faulty one that takes its place."""
    assert run(ASKING + FAULTY_NEXT).counts == {"passed": 3}
    assert len(searches) == 2
