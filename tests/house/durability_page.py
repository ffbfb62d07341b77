"""What docs/durability.md says of operations and results: `make durability`, with CUTS=bundles to write the results.

The operations are those of the checks. A row of the results is a lane: what power cuts in its operations have left.
"""

import re
import sys
from pathlib import Path

from roadworthy.conformance.durability import operations
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.cuts import power_cuts
from roadworthy.reports.matrix import build
from roadworthy.reports.series import bundle_paths
from roadworthy.reports.text import counted, visible

PAGE = Path(__file__).parents[2] / "docs/durability.md"
#: The most characters of one state.
LONGEST = 100


def placed(page, name, text):
    """A page with this text in the place of the older one, between the marks of that name."""
    begin, end = f"<!-- {name}: made by `make durability` -->\n", f"<!-- /{name} -->\n"
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    assert len(between.findall(page)) == 1, f"{PAGE.name} has no one place for the {name}"
    return between.sub(lambda _: f"{begin}\n{text}\n{end}", page)


def cell(text):
    """A bundle's text as one cell of a table."""
    line = visible(" ".join(text.split()))
    short = line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()} …"
    return short.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def operations_table():
    """All operations, with what each does and how often an ordinary run cuts the power in it."""
    rows = [f"| `{one.name}` | {one.words} | {one.usual or '-'} |" for one in operations.ALL]
    return "\n".join(["| operation | what it does | cuts in an ordinary run |", "|---|---|---|", *rows, ""])


def results_table(bundles):
    """A row a lane: its cuts, what they broke with the worst first, and the operations that stayed whole."""
    matrix = build(bundles)
    found = power_cuts(matrix)
    lines = ["| lane | cuts | the worst that a cut left, by operation | whole after every cut |", "|---|---|---|---|"]
    for column, one in enumerate(matrix.columns):
        own = [row.cuttings[column] for row in found.rows if row.cuttings[column]]
        if not own:
            continue
        broken = [f"`{cell(cut.operation)}` {cell(cut.state)}" for cut in found.broken if cut in own]
        whole = [f"`{cell(cut.operation)}`" for cut in own if not cut.broken]
        looked = sum(cut.looked for cut in own)
        cells = [f"`{cell(one.lane.id)}`", f"{looked}", "; ".join(broken) or "nothing", ", ".join(whole) or "none"]
        lines.append(f"| {' | '.join(cells)} |")
    runs = [f"{run.name} at commit {str(run.suite.get('commit', ''))[:12] or 'unknown'}" for run in matrix.runs]
    return "\n".join([*lines, "", f"{counted(found.looked, 'cut')}; runs:", *(f"- {cell(run)}" for run in runs), ""])


def made(page, bundles=()):
    """The page as it has to be; its results stay as they are if no bundle is given."""
    page = placed(page, "operations", operations_table())
    return placed(page, "results", results_table(bundles)) if bundles else page


def main(*places):
    """Write the page anew."""
    bundles = [read_bundle(path) for path in bundle_paths(map(Path, places))] if places else []
    PAGE.write_text(made(PAGE.read_text(), bundles))
    sys.stdout.write(f"{PAGE.name}: {counted(len(operations.ALL), 'operation')}, {counted(len(bundles), 'bundle')}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
