"""docs/durability.md says what the checks of power cuts ask, and holds the results of a run."""

import re

import pytest
import sample
import sample_cuts
from durability_page import PAGE, made, placed

from roadworthy.reports.bundle import read_bundle


def test_the_page_has_the_operations_of_the_checks():
    """After a change of operations: make durability."""
    assert made(PAGE.read_text()) == PAGE.read_text(), "the operations have changed: make durability"


def test_every_promise_is_explained(declared_checks):
    """Each promise of the family is named, and no other is."""
    named = set(re.findall(r"`(durability/[a-z-]+)`", PAGE.read_text()))
    assert named == {identity for identity in declared_checks if identity.startswith("durability/")}


def test_results_are_a_row_a_lane(tmp_path):
    """With its cuts, what broke, the worst first, and what stayed whole; and the run that they come from."""
    bundle = read_bundle(sample.write(tmp_path, sample_cuts.records()))
    found = made(PAGE.read_text(), [bundle]).partition("<!-- results: made")[2].splitlines()
    assert found[2:7] == [
        "| lane | cuts | the worst that a cut left, by operation | whole after every cut |",
        "|---|---|---|---|",
        "| `overlay2-ext4-docker20.10-linux6.1` | 80 | `load` gone | `commit`, `copy-up`, `rmi` |",
        "| `btrfs-btrfs-docker26.1-linux6.12` | 60 | nothing | `load`, `commit`, `copy-up` |",
        "| `containerd:overlayfs-ext4-docker28.5-linux7.2` | 80 | `load` silent: files missing, files empty; `commit` "
        "the daemon does not start: invalid database | `copy-up`, `rmi` |",
    ]
    assert found[8:10] == ["220 cuts; runs:", "- cuts-2026-11-23 at commit 4f1c9a2"]


def test_a_page_without_its_marks_is_refused():
    """Nothing is written into a page that has no place for it."""
    with pytest.raises(AssertionError, match="no one place for the results"):
        placed("a page", "results", "text")
