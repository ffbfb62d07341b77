"""What docs/coverage.md says of the checks, made from the checks: `make coverage`.

A row's own words are its name and its answer, or the reason why it has none. What it asks is the promise of the check
that answers it, and the counts are those of the tables.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/coverage.md"
NOT_RUN = "not run: "


def promises():
    """The docstring of each check, in one line, by the check's id."""
    found = {}
    for path in sorted((ROOT / "conformance").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for word in getattr(node, "decorator_list", []):
                if isinstance(word, ast.Call) and ast.unparse(word.func) == "check":
                    found[ast.literal_eval(word.args[0])] = " ".join((ast.get_docstring(node) or "").split())
    return found


def cells(line):
    """The cells of a row: its name, what it asks, its answer; None for another line."""
    if not line.startswith("| ") or line.startswith("| row |"):
        return None
    return [cell.strip() for cell in line.strip("| \n").split(" | ")]


def checks_of(answer):
    """The checks that a cell names as its row's answer: a reason may name others."""
    return [] if answer.startswith(NOT_RUN) else re.findall(r"`([a-z]+/[^`]+)`", answer)


def filled(line, promised):
    """A line of the page: a row of one check, of its name or besides the catalogue, has that check's promise."""
    row = cells(line)
    if row is None:
        return line
    answers = checks_of(row[2])
    if len(answers) == 1 and row[0] in ("-", answers[0]):
        row[1] = promised.get(answers[0], row[1])
    return f"| {' | '.join(row)} |\n"


def counted(text):
    """The page with the counts of its tables in its first paragraph."""
    rows = [row for line in text.splitlines() if (row := cells(line))]
    catalogue = [row for row in rows if row[0] != "-"]
    answered = sum(bool(checks_of(row[2])) for row in catalogue)
    besides = {name for row in rows if row[0] == "-" for name in checks_of(row[2])}
    families = len(re.findall(r"^## [A-Z]\. ", text, re.MULTILINE))
    missing = len(catalogue) - answered
    text = re.sub(r"has \d+ rows in \d+(\s+)families", rf"has {len(catalogue)} rows in {families}\1families", text)
    said = f"**{answered} rows are answered by checks, {missing} are not**; each of the {missing} says"
    text = re.sub(r"\*\*\d+ rows are answered by checks, \d+ are not\*\*; each of the \d+ says", said, text)
    return re.sub(r"\d+ checks ask more", f"{len(besides)} checks ask more", text)


def made(text, promised):
    """The page as it has to be."""
    return counted("".join(filled(line, promised) for line in text.splitlines(keepends=True)))


def main():
    """Write the page anew."""
    PAGE.write_text(made(PAGE.read_text(), promises()))
    rows = [row for line in PAGE.read_text().splitlines() if (row := cells(line))]
    answered = sum(bool(checks_of(row[2])) for row in rows)
    sys.stdout.write(f"{PAGE.name}: {answered} of {len(rows)} rows have checks\n")


if __name__ == "__main__":
    main()
