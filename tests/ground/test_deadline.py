"""Waiting with a deadline and a name."""

import time

import pytest

from roadworthy.deadline import let_pass, wait_until


def test_what_is_done_is_not_waited_for():
    """A condition that holds at once is asked once."""
    asked = []
    wait_until(lambda: asked.append(1) or True, 0, "nothing")
    assert len(asked) == 1


def test_the_condition_is_asked_until_it_holds():
    """The condition is asked again until it holds."""
    answers = [True, False, False]
    wait_until(answers.pop, 10, "the third answer")
    assert answers == []


def test_a_deadline_names_what_was_waited_for():
    """After the deadline the error tells how long was waited, and for what."""
    with pytest.raises(TimeoutError, match=r"waited 0.01 s for dockerd to answer"):
        wait_until(lambda: False, 0.01, "dockerd to answer")


def test_an_error_of_the_condition_ends_the_waiting():
    """A condition that raises is not asked again."""
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: bool(1 // 0), 10, "nothing")


def test_time_passes():
    """Where nothing but time is waited for, at least that much passes."""
    begun = time.monotonic()
    let_pass(0.02)
    assert time.monotonic() - begun >= 0.02
