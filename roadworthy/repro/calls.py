"""The calls of a transcript as values again: their names, and their arguments as a C program writes them.

A transcript holds what a reader needs. What a program would need besides, such as data that was cut short, or the
position in a directory, is not in it: then there is no script, and the reason is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.reports.records import Call

#: Numbers as the suite writes modes: 0644.
OCTAL = re.compile(r"(?<![\w.'\"])0([0-7]+)\b(?=[^'\"]*$)")
#: What a text that was cut short has in its middle.
CUT = re.compile(r" …\d+ more… ")


class NoScript(Exception):
    """No script can be made of these calls; the text says why, in a few words that many checks share."""


@dataclass(frozen=True)
class Word:
    """An argument that C spells as it stands: `O_RDWR|O_CREAT`."""

    text: str


@dataclass(frozen=True)
class Made:
    """One call: who made it, its name, its arguments, and its answer as the transcript has it."""

    process: str
    name: str
    arguments: tuple[Any, ...]
    answer: str

    @property
    def number(self) -> int | None:
        """The answer as a number, which names a descriptor or a mapping in later calls."""
        return int(self.answer) if re.fullmatch(r"-?\d+", self.answer) else None


def made(transcript: Sequence[Call], omitted: int) -> list[Made]:
    """The calls of a transcript. Raises NoScript."""
    if omitted:
        raise NoScript("its transcript is not whole")
    return [parsed(call) for call in transcript]


def parsed(call: Call) -> Made:
    """One call of a transcript. Raises NoScript."""
    if CUT.search(call.call):
        raise NoScript("its transcript has data that were cut short")
    if found := re.fullmatch(r"load\((\d+) bytes\)", call.call):
        return Made(call.process, "peek", (int(found[1]),), call.answer)
    try:
        tree = ast.parse(OCTAL.sub(r"0o\1", call.call), mode="eval").body
        assert isinstance(tree, ast.Call)
        assert isinstance(tree.func, ast.Name)
        arguments = tuple(value(node) for node in tree.args)
    except (SyntaxError, ValueError, AssertionError):
        raise NoScript(f"its call {call.call.partition('(')[0]} cannot be read from a transcript") from None
    name = tree.func.id
    if name == "store" and len(arguments) == 1:
        name = "poke"
    return Made(call.process, name, arguments, call.answer)


def value(node: ast.expr) -> Any:
    """An argument: a number, a text, bytes, a list of such, or a word of C. Raises ValueError."""
    if isinstance(node, ast.Name | ast.BinOp):
        words = re.split(r"\s*\|\s*", ast.unparse(node))
        if not all(re.fullmatch(r"[A-Z][A-Z0-9_]*", word) for word in words):
            raise ValueError(ast.unparse(node))
        return Word("|".join(words))
    return ast.literal_eval(node)
