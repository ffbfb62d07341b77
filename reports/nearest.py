"""The word that was meant by a misspelt one, and how a message says so.

It lies with the reports because they read claims, and may import nothing else of the suite; all others may import it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

#: The share of letters in common from which on a name is like a word.
ALIKE = 0.5
#: Of more words than these, only those that are like the misspelt one are named.
MANY = 40


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that was meant by `word`, or an empty string where none is like it.

    A name that begins with the word comes first: who types `fuse` has not finished fuse-overlayfs. Of several the one
    most alike, then one of the same letters (`fvs` is vfs and not zfs), then the one nearest in length.
    """
    names = list(known)
    found = [name for name in names if word and name.startswith(word)]
    found = found or difflib.get_close_matches(word, names, n=max(1, len(names)), cutoff=ALIKE)

    def likeness(name: str) -> tuple[float, bool, int]:
        return alike(word, name), sorted(word) == sorted(name), -abs(len(word) - len(name))

    return max(found, key=likeness, default="")


def alike(word: str, name: str) -> float:
    """The share of letters that both have in the same order, from 0 to 1; another digit at the end is half a mistake.

    Who types a digit wrong means another digit: else `overlay3` would be overlay.
    """
    share = difflib.SequenceMatcher(None, name, word).ratio()
    if len(name) != len(word) or not (name[-1:].isdigit() and word[-1:].isdigit()):
        return share
    before = difflib.SequenceMatcher(None, name[:-1], word[:-1]).get_matching_blocks()
    return max(share, (2 * sum(block.size for block in before) + 1) / (len(name) + len(word)))


def meant(word: str, known: Iterable[str]) -> str:
    """What to say behind a misspelt word: the question whether the nearest was meant, or nothing."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def hint(word: str, known: Sequence[str]) -> str:
    """The same where a sentence has to end, and all of the known words with it, or of many those that are like it."""
    said = meant(word, known) or "."
    if len(known) <= MANY:
        return f"{said} Known: {', '.join(known)}"
    like = difflib.get_close_matches(word, known, n=5, cutoff=0.4)
    return f"{said} Known: {len(known)} of them" + (f", among them {', '.join(like)}" if like else "")
