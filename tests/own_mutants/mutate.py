"""Mutation of the suite's own pure code: `python tests/own_mutants/mutate.py reports/text.py`, or every module in turn.

Each mutant is one small change of the module's syntax tree, in a copy of the checkout's last commit; its unit tests
have to notice. What survives is printed: either a test is missing, or the change makes no difference. One that makes
none stands in equivalent.toml with the reason; any other survivor is an error.
"""

import argparse
import ast
import copy
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from functools import partial
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: The modules, each with the tests that are to notice.
MODULES = {
    "reports/merging.py": ["tests/reports/test_merging.py"],
    "reports/joining.py": ["tests/reports/test_merging.py"],
    "reports/text.py": ["tests/reports/test_text.py"],
    "roadworthy/lane/lanes.py": [
        "tests/lane/test_lanes.py",
        "tests/lane/test_matrix_file.py",
        "tests/lane/test_running_daemon.py",
    ],
    "roadworthy/lane/matrix_file.py": ["tests/lane/test_matrix_file.py"],
    "roadworthy/verdict/deviations.py": ["tests/verdict/test_deviations.py", "tests/verdict/test_knobs.py"],
    "roadworthy/verdict/matching.py": ["tests/verdict/test_matching.py", "tests/verdict/test_deviations.py"],
    "roadworthy/measuring/statistics.py": ["tests/measuring/test_statistics.py"],
    "reports/repeats.py": ["tests/reports/test_repeats.py"],
    "reports/sums.py": ["tests/command/test_seal.py"],
    "roadworthy/run/conductor.py": ["tests/run/test_conductor.py"],
}
#: The survivors that make no difference, by module: the change, and why nothing can notice it.
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
OTHER = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
}  # fmt: skip
#: Seconds that the tests of one mutant may take.
LONGEST = 300


def compared_otherwise(node, number):
    """Turn one operator of a comparison into its counterpart."""
    node.ops[number] = OTHER[type(node.ops[number])]()


def places(tree):
    """The nodes that can be changed, each with the function that changes it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for number, operator in enumerate(node.ops):
                if type(operator) in OTHER:
                    yield node, partial(compared_otherwise, number=number)
        elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in OTHER:
            yield node, lambda node: setattr(node, "op", OTHER[type(node.op)]())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node, lambda node: setattr(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield node, lambda node: setattr(node, "value", not node.value)
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            yield node, lambda node: setattr(node, "value", node.value + 1)
        elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            yield node, lambda node: setattr(node, "value", ast.Constant(None))


def function_at(tree, line):
    """The innermost function that a line is in, or `module`."""
    around = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
              and node.lineno <= line <= node.end_lineno]  # fmt: skip
    return max(around, key=lambda node: node.lineno).name if around else "module"


def mutants(source):
    """Each mutant of a module: the line, the function with what the change is, and the whole text."""
    count, seen = sum(1 for _ in places(ast.parse(source))), Counter()
    for number in range(count):
        tree = ast.parse(source)
        node, change = list(places(tree))[number]
        before = ast.unparse(copy.deepcopy(node))
        change(node)
        text = ast.unparse(ast.fix_missing_locations(tree))
        said = f"{function_at(tree, node.lineno)}: {before}  ->  {ast.unparse(node)}"
        seen[said] += 1
        yield node.lineno, said if seen[said] == 1 else f"{said} ({seen[said]})", text


def equivalent(module):
    """The changes of a module that make no difference, each with the reason."""
    return tomllib.loads(EQUIVALENT.read_text()).get(module, {})


def noticed(place, tests):
    """Whether these tests fail in this checkout."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "roadworthy.plugin", *tests]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    try:
        done = subprocess.run(words, cwd=place, env=environment, capture_output=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("modules", nargs="*")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutated-") as name:
        place = Path(name)
        packed = subprocess.run(["git", "-C", ROOT, "archive", "HEAD"], capture_output=True, check=True).stdout
        subprocess.run(["tar", "--extract", "--directory", place], input=packed, check=True)
        missed = 0
        for module in asked.modules or MODULES:
            source = (place / module).read_text()
            if noticed(place, MODULES[module]):
                raise SystemExit(f"{module}: its tests fail without a mutant")
            same = equivalent(module)
            survived = made = 0
            for line, change, text in mutants(source):
                made += 1
                (place / module).write_text(text)
                # Python takes a file of one second and one size for the file that it has compiled.
                Path(cache_from_source(str(place / module))).unlink(missing_ok=True)
                if not noticed(place, MODULES[module]):
                    survived += 1
                    missed += change not in same
                    sys.stdout.write(f"{module}:{line}: {change}  [{same.get(change, 'NOT NOTICED')}]\n")
                    sys.stdout.flush()
            (place / module).write_text(source)
            sys.stdout.write(f"{module}: {made} mutants, {made - survived} noticed, {survived} survived\n")
            sys.stdout.flush()
    if missed:
        raise SystemExit(f"{missed} of the survivors are not in {EQUIVALENT.name}")


if __name__ == "__main__":
    main()
