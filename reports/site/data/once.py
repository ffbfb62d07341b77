"""A value that two files are made from: it is made for the first of them, and forgotten after the second."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def once(made: Callable[[], Value]) -> Callable[[], Value]:
    """A value that is made when its first form is asked for, and forgotten after its second."""
    kept: list[Value] = []

    def value() -> Value:
        if kept:
            return kept.pop()
        kept.append(made())
        return kept[0]

    return value
