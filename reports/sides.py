"""What a broken check expected and what it observed, from the first line of what broke it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from roadworthy.reports.strace import refusal

_REFUSED = re.compile(r"(?P<call>.+) was refused with (?P<code>E[A-Z0-9]+)")
_KILLED = re.compile(r"(?P<call>.+) killed the process: (?P<signal>SIG[A-Z0-9]+)")
_WORDS: dict[type[ast.cmpop], str] = {
    ast.Eq: "", ast.NotEq: "not ", ast.Lt: "less than ", ast.LtE: "at most ", ast.Gt: "more than ",
    ast.GtE: "at least ", ast.In: "one of ", ast.NotIn: "none of ", ast.Is: "", ast.IsNot: "not ",
}  # fmt: skip


@dataclass(frozen=True)
class Sides:
    """The two sides of a broken promise, in words."""

    expected: str
    observed: str


def sides(reason: str) -> Sides | None:
    """The sides of a comparison that did not hold or of a call that failed; None if the reason says them otherwise.

    A check compares what it observed, on the left, with what it expects.
    """
    if found := _REFUSED.fullmatch(reason):
        return Sides(f"{found['call']} succeeds", refusal(found["code"]))
    if found := _KILLED.fullmatch(reason):
        return Sides(f"{found['call']} returns", refusal(found["signal"]))
    if not reason.startswith("assert "):
        return None
    text = reason.removeprefix("assert ")
    try:
        parsed = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # cut short, or not Python
        return None
    if not isinstance(parsed, ast.Compare) or len(parsed.ops) != 1:
        return None
    (operator,), (other,) = parsed.ops, parsed.comparators
    left, right = (ast.get_source_segment(text, side) or "" for side in (parsed.left, other))
    if isinstance(operator, ast.In | ast.NotIn) and not isinstance(other, ast.Tuple):
        # What may be and what may not be is written as a tuple; a list was observed, such as that of a directory.
        return Sides(f"{left} among them" if isinstance(operator, ast.In) else f"no {left} among them", right)
    return Sides(_WORDS[type(operator)] + right, left)
