"""The word that was meant by a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

#: Of more words than these, only those that are like the misspelt one are named.
MANY = 40


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like `word`, or an empty string. Of two as much alike, the one of the same length."""
    found = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    # `overlay3` is more like `overlay` by the share of letters; who types a digit wrong means another digit.
    return next((other for other in found if len(other) == len(word)), found[0] if found else "")


def hint(word: str, known: Sequence[str]) -> str:
    """What to say behind a word that is not among the known ones: the nearest, and all or those that are like it."""
    near = nearest(word, known)
    meant = f"; did you mean {near!r}?" if near else "."
    if len(known) <= MANY:
        return f"{meant} Known: {', '.join(known)}"
    like = difflib.get_close_matches(word, known, n=5, cutoff=0.4)
    return f"{meant} Known: {len(known)} of them" + (f", among them {', '.join(like)}" if like else "")
