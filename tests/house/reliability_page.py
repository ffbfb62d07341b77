"""What docs/reliability.md says of the faults that the suite survives, made from the tests: `make reliability`.

A row's own words are its number and the fault, or the reason why no test can show it. A test answers a row by having
its number in its name, as `test_F12_…`; what holds is what the test's docstring says.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reliability.md"
NO_TEST = "no test: "
#: What a test needs besides Python, by its mark; a file has one for all of its tests, too.
NEEDS = {"real": "root", "guest": "a guest", "builds": "built roots"}


def marks_of(node):
    """The names of pytest's marks in an expression or in the decorators of a function."""
    return re.findall(r"pytest\.mark\.(\w+)", ast.unparse(node))


def answering():
    """Each test that answers a row, by the row's number: its id, what it says, and the marks that it needs."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text())
        of_all = [mark for node in tree.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)
                  for mark in marks_of(node)]  # fmt: skip
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef) or not (named := re.match(r"test_((?:F\d\d_)+)", node.name)):
                continue
            marks = [*of_all, *(mark for word in node.decorator_list for mark in marks_of(word))]
            said = " ".join((ast.get_docstring(node) or "").split()).replace("|", "\\|")
            for row in named[1].rstrip("_").split("_"):
                found.setdefault(row, []).append((f"{path.relative_to(ROOT)}::{node.name}", said, marks))
    return found


def cells(line):
    """The cells of a row: its number, the fault, what holds, and the tests; None for another line."""
    if not re.match(r"\| F\d\d \|", line):
        return None
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def shown(answering):
    """What holds, and which tests show it."""
    held = " ".join(said for _, said, _ in answering)
    named = []
    for test, _, marks in answering:
        needs = [NEEDS[mark] for mark in NEEDS if mark in marks]
        path, _, name = test.partition("::")
        link = f"[`{name}`](../{path})"
        named.append(f"{link} ({', '.join(needs)})" if needs else link)
    return held, ", ".join(named)


def filled(line, answers):
    """A line of the page: a row that a test answers says what its tests say; another keeps its reason."""
    row = cells(line)
    if row is None:
        return line
    if row[0] in answers:
        row[2:] = shown(answers[row[0]])
    return f"| {' | '.join(row)} |\n"


def counted(text):
    """The page with the counts of its table in its first paragraph."""
    rows = [row for line in text.splitlines() if (row := cells(line))]
    without = sum(row[2].startswith(NO_TEST) for row in rows)
    said = f"has {len(rows)} faults: **{len(rows) - without} have a test, {without} have a reason**"
    return re.sub(r"has \d+ faults: \*\*\d+ have a test, \d+ have a reason\*\*", said, text)


def made(text, answers):
    """The page as it has to be."""
    return counted("".join(filled(line, answers) for line in text.splitlines(keepends=True)))


def main():
    """Write the page anew."""
    PAGE.write_text(made(PAGE.read_text(), answering()))
    rows = [row for line in PAGE.read_text().splitlines() if (row := cells(line))]
    tested = sum(not row[2].startswith(NO_TEST) for row in rows)
    sys.stdout.write(f"{PAGE.name}: {tested} of {len(rows)} faults have tests\n")


if __name__ == "__main__":
    main()
