"""Refuse signatures that name an assertion only: a signature has to contain a value that was observed.

The first line of a failure is the text of the assertion, `assert LEFT == RIGHT` or its message, with values filled in.
The constant parts of this text say nothing about the break, because a far worse break has them too. Therefore the
assertions of a check are read from its source as templates, with a hole for each value.
"""

from __future__ import annotations

import ast
import contextlib
import operator
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The text of an assertion's failure as its constant pieces; a value stands between each two of them.
Template = tuple[str, ...]

#: How pytest shows the operators of an assertion.
OPERATORS: Mapping[type[ast.AST], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.FloorDiv: "//", ast.Pow: "**", ast.RShift: ">>", ast.Mod: "%", ast.LShift: "<<", ast.BitOr: "|",
    ast.BitAnd: "&", ast.BitXor: "^", ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "-",
}  # fmt: skip
#: The operators in the constants of checks.
ARITHMETIC: Mapping[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.LShift: operator.lshift,
    ast.Pow: operator.pow,
}  # fmt: skip
#: Characters up to which pytest shows an operand of a comparison whole; it cuts the middle out of a longer one.
SHOWN_WHOLE = 28
EMPTY: Mapping[str, Any] = {"set": set(), "dict": {}, "list": [], "tuple": ()}
#: A comparison between two values, as an assertion shows it.
COMPARISON = re.compile(r"(?:^|\s)(==|!=|<=|>=|<|>|not in|in|is not|is)(?:\s|$)")
WORD = re.compile(r"[^\W_]+")
UNITS = frozenset({"bytes", "KiB", "MiB", "GiB"})
#: A refused call, or one with another outcome, of whose arguments `…` stands for the rest; see verdict.matching.
SHORTENED = re.compile(r"\w+\([^…]*…\)(?: was refused with E[A-Z0-9]+|: \w+ against \w+)")
#: An errno alone, or a refusal without the end of its call: any call of a check could be refused with it.
REFUSED = re.compile(r"E[A-Z0-9]+|(?!.*\) was refused).*\brefused with E[A-Z0-9]+.*")
#: The differences of a tree: a name, a field with both values, a call with both outcomes; see verdict.reference.
DIFFERENCE = re.compile(
    r"\S+ is (?:missing|there)|.*'s \S+ is .*\S against \S.*|.*\w\(.*\): \w+ against \w+", re.DOTALL
)


def restates(signature: str, assertions: Sequence[Template] = ()) -> str:
    """Why a signature would fit any break of its check, in a few words, or an empty string if it contains a value.

    `assertions` are those of the check; without them, only the text of the signature is judged.
    """
    if re.search(r"\d\.$", signature):
        return "it ends within a number: give its bounds by observed"
    if "…" in signature and not SHORTENED.fullmatch(signature):
        return "… stands for the rest of a call's arguments, as in fstat(…) was refused with ESTALE"
    if REFUSED.fullmatch(signature):
        return "it names an errno, and not what was refused with it"
    words = set(WORD.findall(signature)) - {"assert"}
    if not words - UNITS:
        return "there is no value in it"
    found = list(COMPARISON.finditer(signature))
    if found:
        left, right = signature[: found[0].start()], signature[found[0].end() :]
        whole = left.startswith("assert ")
        seen = set(WORD.findall(left)) - {"assert"}
        if found[0][1] != "!=" and not whole and not seen - set(WORD.findall(right)):
            return "it holds what was promised, and not what was seen"
    if not found and re.search(r"\s$", signature) and not re.search(r"\d", signature):
        return "it ends before a value"
    for always in assertions:
        if len(always) > 1 and any(signature in piece for piece in always):
            return f"every failure of an assertion of the check has it: {' … '.join(always).strip()}"
    compared = [one for one in assertions if len(one) > 1 and len(one[-1]) > 1 and signature.endswith(one[-1])]
    twice = next((one for one in compared if compared.count(one) > 1), None)
    if twice is not None:
        return f"several assertions of the check fail with it: {' … '.join(twice).strip()}; say which by observed"
    return ""


def restates_tree(signature: str) -> str:
    """Why the signature of a tree's difference would fit others, too, or an empty string if it contains a whole one.

    That is a name that is there or missing, a field with its value and the reference's, or a call with both outcomes.
    """
    whole = SHORTENED if "…" in signature else DIFFERENCE
    return "" if whole.fullmatch(signature) else "it is no name, no field and no call with what was found and wanted"


def fits(template: Template, line: str) -> bool:
    """Whether the first line of a failure is that of an assertion."""
    return re.fullmatch(".*".join(map(re.escape, template)), line, re.DOTALL) is not None


@dataclass(frozen=True)
class Told:
    """The possible failures of a check according to its source: its assertions, and the names of its observations.

    `observations` is empty if one of the names is no constant. `decided` has the places in `assertions` of those whose
    values an observation shows: they use a variable which is in the observation, too.
    """

    assertions: tuple[Template, ...] = ()
    observations: frozenset[str] = frozenset()
    decided: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def excused(self, names: Iterable[str]) -> tuple[Template, ...]:
        """The assertions whose failure these observations explain.

        Raises ValueError if they explain none, or if the failure of another assertion looks like one of them.
        """
        places: set[int] = set()
        for name in names:
            if not self.decided.get(name):
                raise ValueError(f"no assertion of the check uses what {name!r} shows")
            places |= self.decided[name]
        found = {self.assertions[place] for place in places}
        for place, other in enumerate(self.assertions):
            if place not in places and other in found:
                line = "…".join(other)
                raise ValueError(f"another assertion of the check, too, fails with {line}: say what was seen of it")
        return tuple(found)


def told(directory: Path) -> dict[str, Told]:
    """Read the checks in the test files of a directory and its folders, by the checks' ids without a case."""
    found: dict[str, Told] = {}
    for path in sorted([*directory.glob("test_*.py"), *directory.glob("*/test_*.py")]):
        module = Module(ast.parse(path.read_text(encoding="utf-8"), str(path)))
        for name, function in module.functions.items():
            for identity in identities(function):
                found[identity] = module.told(name)
    return found


def identities(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the ids with which a function is declared as a check."""
    for decorator in function.decorator_list:
        if (
            isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "check"
            and decorator.args and isinstance(decorator.args[0], ast.Constant)
        ):  # fmt: skip
            yield str(decorator.args[0].value)


@dataclass
class Module:
    """One file of checks: its functions, and the values of its constant names."""

    tree: ast.Module
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    names: dict[str, ast.expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.functions = {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        others = [node for node in self.tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        self.names = assigned(node for statement in others for node in ast.walk(statement))

    def told(self, name: str) -> Told:
        """Read a function, and all functions of the file that it uses."""
        assertions: list[Template] = []
        observations: set[str | None] = set()
        decided: dict[str, set[int]] = defaultdict(set)
        reached, waiting = {name}, [name]
        while waiting:
            nodes = list(ast.walk(self.functions[waiting.pop()]))
            given = {node.arg for node in nodes if isinstance(node, ast.arg)}
            names = {name: value for name, value in self.names.items() if name not in given} | assigned(nodes)
            places: dict[ast.Assert, int] = {}
            for node in nodes:
                match node:
                    case ast.Assert():
                        places[node] = len(assertions)
                        assertions.append(template(node, names))
                    case ast.Call(func=ast.Name(id="observe"), args=[first, *_]):
                        observations.add(str(first.value) if isinstance(first, ast.Constant) else None)
                    case ast.Name() if node.id in self.functions and node.id not in reached:
                        reached.add(node.id)
                        waiting.append(node.id)
            for name, assertion in decisions(nodes):
                decided[name].add(places[assertion])
        known = frozenset() if None in observations else frozenset(name for name in observations if name)
        return Told(tuple(assertions), known, {name: frozenset(found) for name, found in decided.items()})


def decisions(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.Assert]]:
    """Yield each observation of a function with each assertion that uses a variable of the observation."""
    variables = locals_of(nodes)
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="observe"), args=[ast.Constant(value=name), value]):
                shows = (used(value) | targets(nodes, node)) & variables
            case _:
                continue
        for assertion in nodes:
            if isinstance(assertion, ast.Assert) and (shows & used(assertion) or node in ast.walk(assertion)):
                yield str(name), assertion


def locals_of(nodes: Iterable[ast.AST]) -> set[str]:
    """The variables of a function that are set by its statements; those of comprehensions mean nothing outside."""
    nodes = list(nodes)
    inside = {name for node in nodes if isinstance(node, ast.comprehension) for name in used(node.target)}
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} - inside


def used(node: ast.AST) -> set[str]:
    """The names in an expression or statement."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def targets(nodes: Iterable[ast.AST], call: ast.Call) -> set[str]:
    """The variables that a call's result is assigned to."""
    return {
        name
        for node in nodes
        if isinstance(node, ast.Assign) and call in ast.walk(node.value)
        for target in node.targets
        for name in used(target)
    }


def assigned(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """The values of the names that are assigned once."""
    times: Counter[str] = Counter()
    values: dict[str, ast.expr] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            times[node.id] += 1
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
    return {name: value for name, value in values.items() if times[name] == 1}


def template(assertion: ast.Assert, names: Mapping[str, ast.expr]) -> Template:
    """The constant pieces of the first line that a broken assertion shows."""
    if assertion.msg is not None:
        return joined(text(assertion.msg, names))
    return joined(["assert ", *shown(assertion.test, names)])


def shown(node: ast.expr, names: Mapping[str, ast.expr]) -> list[str | None]:
    """The pieces of an expression as pytest shows it, None for each value that is not constant."""
    match node:
        case ast.Compare():
            pieces = shown(node.left, names)
            for compared, right in zip(node.ops, node.comparators, strict=True):
                pieces += [f" {OPERATORS[type(compared)]} ", *shown(right, names)]
            return pieces
        case ast.BoolOp():
            first, *others = [shown(value, names) for value in node.values]
            return ["(", *first, *(piece for one in others for piece in (f" {OPERATORS[type(node.op)]} ", *one)), ")"]
        case ast.BinOp():
            return ["(", *shown(node.left, names), f" {OPERATORS[type(node.op)]} ", *shown(node.right, names), ")"]
        case ast.UnaryOp(op=ast.Not()):
            return ["not ", *shown(node.operand, names)]
    with contextlib.suppress(LookupError):
        whole = repr(constant(node, names))
        return [whole] if len(whole) <= SHOWN_WHOLE else [None]
    said = text(node, names)
    return ["'", *said, "'"] if len(said) > 1 else said


def text(node: ast.expr, names: Mapping[str, ast.expr]) -> list[str | None]:
    """The pieces of the text that an expression makes, None for each value that is not constant."""
    match node:
        case ast.JoinedStr():
            pieces: list[str | None] = []
            for part in node.values:
                pieces.append(str(part.value) if isinstance(part, ast.Constant) else None)
            return pieces
        case ast.Name() if node.id in names:
            return text(names[node.id], {name: value for name, value in names.items() if name != node.id})
        case ast.Call(func=ast.Name(id="observe"), args=[_, value]):
            return text(value, names)
    with contextlib.suppress(LookupError):
        return [str(constant(node, names))]
    return [None]


def constant(node: ast.expr, names: Mapping[str, ast.expr]) -> Any:
    """The value of a constant expression. Raises LookupError if it is not constant."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() if node.id in names:
            return constant(names[node.id], {name: value for name, value in names.items() if name != node.id})
        case ast.Call(func=ast.Name(id=name), args=[], keywords=[]) if name in EMPTY:
            return EMPTY[name]
        case ast.BinOp(op=operation) if type(operation) in ARITHMETIC:
            left, right = constant(node.left, names), constant(node.right, names)
            if isinstance(left, int) and isinstance(right, int):
                return ARITHMETIC[type(operation)](left, right)
        case ast.Tuple():
            return tuple(constant(part, names) for part in node.elts)
        case ast.List():
            return [constant(part, names) for part in node.elts]
        case ast.Set():
            return {constant(part, names) for part in node.elts}
        case ast.Dict(keys=keys) if all(key is not None for key in keys):
            return {
                constant(key, names): constant(value, names)
                for key, value in zip(keys, node.values, strict=True)
                if key
            }
    raise LookupError(ast.unparse(node))


def joined(pieces: Iterable[str | None]) -> Template:
    """Join adjacent constant pieces; each None separates two."""
    found = [""]
    for piece in pieces:
        if piece is None:
            found.append("")
        else:
            found[-1] += piece
    return tuple(found)
