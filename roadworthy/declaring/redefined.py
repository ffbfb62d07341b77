"""Find checks and benchmarks that a later function of their name replaces before pytest can collect them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: The decorators that declare checks and benchmarks, see `checks.check` and `benchmarks.measured`.
DECLARING = ("check", "measured")


@dataclass(frozen=True)
class Redefinition:
    """A name that two functions have, with the lines on which they begin; only the second function can run."""

    name: str
    first: int
    second: int


def redefined(source: bytes) -> list[Redefinition]:
    """The functions of a module, or of a class in it, that a later function of their name replaces.

    At least one of the two is a check or a benchmark; other functions are ignored. `source` is the module's text, which
    must be valid Python.
    """
    names = re.findall(rb"^\s*(?:async\s+)?def\s+(\w+)", source, re.MULTILINE)
    if len(names) == len(set(names)):  # nearly every module: parsing it would take a tenth of the collection
        return []
    tree = ast.parse(source)
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    return sorted((found for body in bodies for found in of_body(body)), key=lambda found: found.second)


def of_body(body: list[ast.stmt]) -> Iterator[Redefinition]:
    """Yield those of one list of statements. Functions under an `if` are ignored: they replace others on purpose."""
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
