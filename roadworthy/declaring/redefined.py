"""Checks and benchmarks that are lost before pytest sees them: of two functions of one name Python keeps the last."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: What declares a function, see `checks.check` and `benchmarks.measured`.
DECLARING = ("check", "measured")


@dataclass(frozen=True)
class Redefinition:
    """A name that stands for two functions, with the lines on which they begin; only the second one can be asked."""

    name: str
    first: int
    second: int


def redefined(source: bytes) -> list[Redefinition]:
    """The functions of a module, or of a class in it, that another one of their name replaces.

    One of the two is a check or a benchmark; other functions are none of the suite's business. `source` is the module's
    text, which Python has read before.
    """
    names = re.findall(rb"^\s*(?:async\s+)?def\s+(\w+)", source, re.MULTILINE)
    if len(names) == len(set(names)):  # nearly every module: reading it whole would take a tenth of the collection
        return []
    tree = ast.parse(source)
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    return sorted((found for body in bodies for found in of_body(body)), key=lambda found: found.second)


def of_body(body: list[ast.stmt]) -> Iterator[Redefinition]:
    """Those of one list of statements. What stands under an `if` is there in place of something, on purpose."""
    last: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            before = last.get(node.name)
            if before is not None and (declares(before) or declares(node)):
                yield Redefinition(node.name, before.lineno, node.lineno)
            last[node.name] = node


def declares(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is a check or a benchmark, by its decorators: `@check(…)`, `@pytest.mark.check(…)`."""
    called = (decorator.func for decorator in node.decorator_list if isinstance(decorator, ast.Call))
    return any(ast.unparse(function).rpartition(".")[2] in DECLARING for function in called)
