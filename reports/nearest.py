"""The known word nearest to a misspelt one, and how a message suggests it.

It is among the reports because they read claims, and may import nothing else of the suite; all others may import it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

#: The share of common letters from which on a name is like a word.
ALIKE = 0.5
#: If there are more words than this, a message names only those that are like the misspelt one.
MANY = 40


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that was meant by `word`, or an empty string if none is like it.

    A name that begins with the word comes first: `fuse` is an unfinished fuse-overlayfs. Next is one that does so after
    its engine: `erofs` is containerd:erofs. Of several, the one most alike is taken, then one of the same letters
    (`fvs` is vfs and not zfs), then the one nearest in length.
    """
    forms = {name: (name, name.rpartition(":")[2]) for name in known}
    found = [name for name in forms if word and name.startswith(word)]
    found = found or [name for name, (_, own) in forms.items() if word and own.startswith(word)]
    found = found or [name for name in forms if difflib.get_close_matches(word, forms[name], cutoff=ALIKE)]

    def likeness(name: str) -> tuple[float, bool, int]:
        return max(alike(word, form) for form in forms[name]), sorted(word) == sorted(name), -abs(len(word) - len(name))

    return max(found, key=likeness, default="")


def alike(word: str, name: str) -> float:
    """The share of letters that both have in one order, from 0 to 1; another digit at the end is half a mistake.

    A wrong digit stands for another digit; otherwise `overlay3` would be overlay.
    """
    share = difflib.SequenceMatcher(None, name, word).ratio()
    if len(name) != len(word) or not (name[-1:].isdigit() and word[-1:].isdigit()):
        return share
    before = difflib.SequenceMatcher(None, name[:-1], word[:-1]).get_matching_blocks()
    return max(share, (2 * sum(block.size for block in before) + 1) / (len(name) + len(word)))


def meant(word: str, known: Iterable[str]) -> str:
    """The end of a message about a misspelt word: the question whether the nearest was meant, or an empty string."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


def hint(word: str, known: Sequence[str]) -> str:
    """The end of a sentence about a misspelt word: `meant`, then all known words or, of many, those like the word."""
    said = meant(word, known) or "."
    if len(known) <= MANY:
        return f"{said} Known: {', '.join(known)}"
    like = difflib.get_close_matches(word, known, n=5, cutoff=0.4)
    return f"{said} Known: {len(known)} of them" + (f", among them {', '.join(like)}" if like else "")
