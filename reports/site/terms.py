"""The words for where a file comes from, which decide what a layered file system does with it."""

from __future__ import annotations

from collections.abc import Iterable

TERMS = {
    "lower": "the object lies in a layer of the image and the container has not changed it yet: overlayfs calls that "
    "directory lower",
    "lower-deep": "the object lies in a layer of the image with further layers above it, none of which touches it",
    "upper": "the object was made in the container: it lies in its writable layer, which overlayfs calls upper",
    "copied-up": "the object came with the image and was changed in the container: a driver that copies up has put a "
    "whole copy into the writable layer (overlayfs: into upper)",
    "volume": "the object lies on a volume, which no storage driver has anything to do with",
}


def terms(cases: Iterable[str]) -> list[tuple[str, str]]:
    """The terms that occur in cases such as `lower` or `copied-up-acl`, with what each means."""
    words = set(cases)
    found = [(term, said) for term, said in TERMS.items() if any(is_in(term, word) for word in words)]
    return found


def is_in(term: str, case: str) -> bool:
    """Whether a case is about a term; `lower-deep` is not about `lower`."""
    if term == "lower" and "lower-deep" in case:
        case = case.replace("lower-deep", "")
    return f"-{term}-" in f"-{case}-"
