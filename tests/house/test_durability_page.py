"""docs/durability.md says what the checks of power cuts ask, and holds the results of a run."""

import re

import pytest
import sample
import sample_cuts
from durability_page import PAGE, made, placed, results_table

from roadworthy.reports.bundle import read_bundle


def test_the_page_has_the_operations_of_the_checks():
    """After a change of operations: make durability."""
    assert made(PAGE.read_text()) == PAGE.read_text(), "the operations have changed: make durability"


def test_every_promise_is_explained(declared_checks):
    """Each promise of the family is named, and no other is."""
    named = set(re.findall(r"`(durability/[a-z-]+)`", PAGE.read_text()))
    assert named == {identity for identity in declared_checks if identity.startswith("durability/")}


EMPTY = "<!-- {0}: made by `make durability` -->\n<!-- /{0} -->\n"
HEAD = ["| lane | cuts | the worst that a cut left, by operation | whole after every cut |", "|---|---|---|---|"]
BTRFS = "| `btrfs-btrfs-docker26.1-linux6.12` | 60 | nothing | `load`, `commit`, `copy-up` |"


@pytest.fixture
def bundle(tmp_path):
    return read_bundle(sample.write(tmp_path, sample_cuts.records()))


def test_results_are_a_row_a_lane(bundle):
    """With its cuts, what broke, the worst first, and what stayed whole; and the run that they come from."""
    assert results_table([bundle]).splitlines() == [
        *HEAD,
        BTRFS,
        "| `containerd:overlayfs-ext4-docker28.5-linux7.2` | 80 | `load` silent: files missing, files empty; `commit` "
        "the daemon does not start: invalid database | `copy-up`, `rmi` |",
        "| `overlay2-ext4-docker20.10-linux6.1` | 80 | `load` gone | `commit`, `copy-up`, `rmi` |",
        "",
        "220 cuts; runs:",
        "- cuts-2026-11-23 at commit 4f1c9a2",
    ]


def test_a_lane_that_was_not_run_again_keeps_its_row_and_its_run(bundle):
    """One that was has its new row alone."""
    old = "| `vfs-ext4-docker20.10-linux6.18` | 254 | `load` says so: a \\| b | `tag` |"
    before = "\n".join([*HEAD, BTRFS.replace("60", "7"), old, "", "261 cuts; runs:", "- yesterday at commit 012", ""])
    found = results_table([bundle], before).splitlines()
    assert found[2] == BTRFS
    assert found[5:] == [old, "", "474 cuts; runs:", "- yesterday at commit 012", "- cuts-2026-11-23 at commit 4f1c9a2"]


def test_results_lie_between_their_marks(bundle):
    """What is around them stays."""
    page = made(f"before\n{EMPTY.format('operations')}{EMPTY.format('results')}after\n", [bundle])
    assert page.startswith("before\n<!-- operations")
    assert page.endswith("- cuts-2026-11-23 at commit 4f1c9a2\n\n<!-- /results -->\nafter\n")


def test_a_page_without_its_marks_is_refused():
    """Nothing is written into a page that has no place for it."""
    with pytest.raises(AssertionError, match="no one place for the results"):
        placed("a page", "results", "text")
