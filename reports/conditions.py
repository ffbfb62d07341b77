"""The condition of a recorded deviation in words, as a bundle carries it and as its file says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def in_words(when: Mapping[str, Sequence[str]], seen: Sequence[str] = (), gone: Sequence[str] = ()) -> str:
    """A condition with the releases with the break (`seen`) and without it (`gone`)."""
    condition = [f"{key} = {' or '.join(values)}" for key, values in when.items()]
    if seen:
        condition.append(f"seen on {', '.join(seen)}")
        condition.append(
            f"gone on {', '.join(gone)}; that the bound lies just there is the source's word"
            if gone else "not tried beyond the bound"
        )  # fmt: skip
    return "; ".join(condition)
