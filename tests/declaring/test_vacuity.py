"""Vacuity: too few looks are no verdict."""

import pytest

from roadworthy import looked, overlapped
from roadworthy.declaring.vacuity import Vacuous
from roadworthy.verdict.judge import judge


def test_enough_looks_pass():
    """As many looks as are needed raise nothing."""
    looked(10, 10)


def test_F18_too_few_looks_are_an_error():
    """Fewer looks than are needed are an error of the suite or its host, and never a fail."""
    with pytest.raises(Vacuous, match="only 9 looks") as caught:
        looked(9, 10)
    assert judge(caught.value, None, []).verdict == "error"


def test_what_was_over_too_early_is_an_error():
    """Two things that did not happen at once say nothing about what happens if they do."""
    overlapped(True, "the commit")
    with pytest.raises(Vacuous, match="the commit was over before") as caught:
        overlapped(False, "the commit")
    assert judge(caught.value, None, []).verdict == "error"
