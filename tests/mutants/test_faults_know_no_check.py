"""Faults are a driver's: rules about calls, files and layers, which know no check and no file of a check's."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from roadworthy.mutants.calls import NUMBERS

ROOT = Path(__file__).parents[2]
FAULTY = [ROOT / "mutants/sabotage.py", ROOT / "mutants/disks.py", *sorted((ROOT / "mutants").glob("faults/*.py")),
          *sorted((ROOT / "mutants").glob("lies/*.py"))]  # fmt: skip
#: Methods and functions that look for a text in a name.
MATCHING = {"endswith", "startswith", "removeprefix", "removesuffix", "fnmatch", "fnmatchcase", "fullmatch", "match",
            "search", "glob", "rglob", "index", "find", "partition", "rpartition"}  # fmt: skip
#: What a check is called, and where it works.
CHECK = {"checking", "slug", "identity", "nodeid", "promise"}
NAME = re.compile(r"[\w.+-]+(/[\w.+-]+)*")
#: Paths of every Linux system, not of a check.
SYSTEM = ("/proc/", "/dev/")
#: Names that checks give to files, and that others gave to something before.
SHARED = {"merged": "where an engine mounts a container's root", "size": "a word of the engine's API"}


def texts(tree: ast.AST) -> dict[ast.Constant, list[ast.AST]]:
    """Every string in a module that is not a docstring, each with the nodes around it, the innermost first."""
    found: dict[ast.Constant, list[ast.AST]] = {}

    def visit(node: ast.AST, around: list[ast.AST]) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not isinstance(around[0], ast.Expr):
            found[node] = around
        for child in ast.iter_child_nodes(node):
            visit(child, [node, *around])

    visit(tree, [])
    return found


@cache
def names_of_checks() -> frozenset[str]:
    """The names that checks give to files: the parts of the paths in their trees, and the words of `@lower(name=…)`."""
    found = set()
    for path in (ROOT / "conformance").rglob("*.py"):
        tree = ast.parse(path.read_text())
        attributes = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict) and node not in attributes:
                words = [key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
                found.update(part for word in words if NAME.fullmatch(word) for part in word.split("/"))
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("lower", "layers"):
                found.update(word.arg for word in node.keywords if word.arg)
    return frozenset(found - set(NUMBERS) - set(SHARED))


@cache
def checks() -> frozenset[str]:
    """The ids of all checks, and the names of their directories."""
    found = set()
    for path in (ROOT / "conformance").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check":
                found.add(node.args[0].value)
    return frozenset(found | {identity.replace("/", ".") for identity in found})


def looks_for(around: list[ast.AST]) -> bool:
    """Whether a string is compared with something, or searched in it."""
    for node in around[:3]:
        if isinstance(node, ast.Compare):
            return True
        if isinstance(node, ast.Call):
            return (getattr(node.func, "attr", "") or getattr(node.func, "id", "")) in MATCHING
    return False


def rigged(source: str) -> list[str]:
    """What in a module knows a check: a text that names one or one of its files, or a look at which check runs."""
    tree = ast.parse(source)
    found = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in CHECK]
    for text, around in texts(tree).items():
        if any(name in text.value for name in checks()):
            found.append(text.value)
        elif not text.value.startswith(SYSTEM) and ("/" in text.value or looks_for(around)):
            named = names_of_checks() & set(re.split(r"[/\\*]+", text.value))
            found += [text.value] if named else []
    return found


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_fault_knows_a_check(path):
    """A fault that is told by a check's own file proves that file's check and no other."""
    assert rigged(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ('[one for one in changes if not one["Path"].endswith("/mode")]', ["/mode"]),
        ('made = tarfile.TarInfo(f"{name}/old")', ["/old"]),
        ('edited["image.layer-ids-vs-dirs"] += 1', ["image.layer-ids-vs-dirs"]),
        ("before = self.loads[asked.liar.checking]", ["checking"]),
        ('hit = os.path.basename(path) == "written"', ["written"]),
        ('hit = name in ("gone", "kept")', ["gone", "kept"]),
        ('found["mode"] &= 0o755', []),
        ('hit = call.name in ("link", "linkat")', []),
        ('path = f"/proc/self/fd/{found}"', []),
    ],
)
def test_what_a_rigged_fault_is(source, told):
    """Each of these was a fault once, or could be one; fields, system calls and /proc are no check's."""
    assert rigged(source) == told
