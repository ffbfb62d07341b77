"""The word that was meant by a misspelt one."""

from __future__ import annotations

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.reports.nearest import hint, meant, nearest

SERIES = ("host", "5.10", "6.1", "6.12", "7.2")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("ovelay2", "overlay2"),  # with a letter less it is as long as overlay, which it is less like
        ("overlya2", "overlay2"),
        ("overla", "overlay"),
        ("overlay22", "overlay2"),
        ("fuse", "fuse-overlayfs"),
        ("fuse-overlay", "fuse-overlayfs"),
        ("devicemaper", "devicemapper"),
        ("btfrs", "btrfs"),
        ("podman:overlay2", "podman:overlay"),
        ("erofs", "containerd:erofs"),  # the name after its engine, which its letters alone are less like than btrfs
        ("blokfile", "containerd:blockfile"),
        ("devmapper", "containerd:devmapper"),
        ("overlayfs", "containerd:overlayfs"),
        ("vsf", "vfs"),  # which is like podman:vfs just as much
        ("qqq", ""),
        ("", ""),
    ],
)
def test_a_misspelt_driver(word, near):
    """The name that begins with the word, else the one most alike; nothing where none is."""
    assert nearest(word, DRIVERS) == near


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("overlay3", ("overlay", "overlay2"), "overlay2"),
        ("ext5", ("ext", "xfs", "ext4"), "ext4"),
        ("6.11", SERIES, "6.12"),
        ("6.2", SERIES, "6.12"),
        ("7.3", SERIES, "7.2"),
        ("6.1.0", SERIES, "6.1"),
    ],
)
def test_a_digit_typed_wrong_means_another_digit(word, known, near):
    """Another last digit is less of a mistake than one too many."""
    assert nearest(word, known) == near


@pytest.mark.parametrize("known", [("zfs", "vfs"), ("vfs", "zfs")])
def test_letters_in_another_order_are_the_same_letters(known):
    """Of two that are as much alike, the one of the same letters was meant, whichever is listed first."""
    assert nearest("fvs", known) == "vfs"


def test_of_what_begins_alike_the_shortest_is_named():
    """Nobody types most of a name and stops."""
    assert nearest("over", ["overlay2", "overlay"]) == "overlay"


def test_a_message_asks_for_the_nearest():
    """The question stands behind what was wrong; where nothing is near there is none."""
    assert meant("vsf", DRIVERS) == "; did you mean 'vfs'?"
    assert meant("qqq", DRIVERS) == ""
    assert hint("aa", ["a", "b"]) == "; did you mean 'a'? Known: a, b"
    assert hint("xyz", ["a", "b"]) == ". Known: a, b"


def test_of_many_words_those_are_named_that_are_like_it():
    """A list of hundreds hides what was meant."""
    many = [f"mutant-{number}" for number in range(100)]
    assert hint("mutant-7x", many).count("mutant-") <= 6
