"""How much a break matters, by what is recorded of it."""

import pytest

from roadworthy.reports.site.ranks import RANKS, TITLES, rank

#: Family, verdict and value of real breaks, and the rank of each.
BREAKS = {
    "a program copies": ("app", "known", "copied", "software"),
    "the kernel crashes": ("rename", "crash", "", "software"),
    "a call hangs": ("lock", "hang", "no answer in 30 s", "software"),
    "a power cut": ("durability", "known", "silent: files empty", "data"),
    "an fsync that is none": ("dura", "known", "0", "data"),
    "a link is broken": ("link", "known", "old", "data"),
    "a name is lost": ("rename", "known", "b", "data"),
    "a removed file is back": ("whiteout", "known", "success", "data"),
    "a file is not found": ("rename", "known", "ENOENT", "data"),
    "a rename is refused": ("rename", "known", "EXDEV", "surprise"),
    "a change is refused": ("unlink", "known", "EEXIST", "surprise"),
    "a link count": ("link", "known", "2", "surprise"),
    "file handles": ("handle", "known", "ENOTSUP", "surprise"),
    "no space for a copy": ("copyup", "known", "ENOSPC from open", "surprise"),
    "another birth time": ("metadata", "known", "none", "cosmetic"),
    "a whole file is copied": ("copyup", "known", "16.0 MiB", "cosmetic"),
    "a link costs a copy": ("link", "known", "4.0 MiB", "cosmetic"),
    "a race that was kept": ("link", "known", "", "surprise"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_rank(name):
    """The rank follows from family, verdict and value alone."""
    family, verdict, value, expected = BREAKS[name]
    assert rank(family, verdict, value) == expected


def test_every_rank_has_words():
    """A page says what each rank means."""
    assert list(TITLES) == list(RANKS)
