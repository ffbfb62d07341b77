"""How bad it is what a power cut has left: the words for the state of a thing, from the worst to whole."""

from __future__ import annotations

#: What a cut is expected to leave of anything, the daemon too.
WHOLE = "whole"

#: What may have happened to a file, the worst first.
HARMS = ("missing", "empty", "cut short", "zeroed", "of other content", "of another kind", "of another owner",
         "of another mode", "without their attributes")  # fmt: skip

#: How a state begins, the worst first: silence, what does not start, what is there again or gone, and what is told.
HEADS = ("silent", "the file system", "the daemon", "there again", "gone", "says so")


def rank(said: str) -> tuple[int, int]:
    """How bad a state is, the worst first: silence about the worst harm, then what is gone, then what is told."""
    if said == WHOLE:
        return len(HEADS) + 1, 0
    kind = next((number for number, head in enumerate(HEADS) if said.startswith(head)), len(HEADS))
    harm = next((number for number, word in enumerate(HARMS) if word in said), len(HARMS))
    return kind, harm
