"""The kernel's words of one check: what it asks for is found, and a log that is not shown is no silence."""

import pytest

from roadworthy.lane.kernel_words import KernelWords
from roadworthy.machines.kernel_log import KernelLog
from roadworthy.reasons import Precondition


class Said:
    """A log that says so many lines at each look."""

    shown = True

    def __init__(self, *looks):
        self._looks = list(looks)

    def lines(self):
        return self._looks.pop(0) if self._looks else []

    def close(self):
        """Nothing is open."""


def test_first_line_with_the_word():
    """Of all lines since the check began, the first one with the word, also if an earlier question has read it."""
    words = KernelWords(Said(["a: one", "b: two"], ["b: three"]))
    assert words("a:") == "a: one"
    assert words("b:") == "b: two"
    assert words("c:") == "nothing"


def test_a_log_that_is_not_shown(tmp_path):
    """A host that shows no kernel log cannot be asked: the check is skipped, and not failed for silence."""
    with pytest.raises(Precondition, match="/dev/kmsg"):
        KernelWords(KernelLog(str(tmp_path / "missing")))
