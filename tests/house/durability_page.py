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


def marks(name, target="durability"):
    """The lines between which a made part of a page lies."""
    return f"<!-- {name}: made by `make {target}` -->\n", f"<!-- /{name} -->\n"


def between(page, name, target="durability"):
    """The text between the marks of that name."""
    begin, end = marks(name, target)
    found = re.findall(f"{re.escape(begin)}(.*?){re.escape(end)}", page, re.DOTALL)
    assert len(found) == 1, f"the page has no one place for the {name}"
    return found[0]


def placed(page, name, text, target="durability"):
    """A page with this text in the place of the older one, between the marks of that name."""
    begin, end = marks(name, target)
    return page.replace(f"{begin}{between(page, name, target)}{end}", f"{begin}\n{text}\n{end}")


def cell(text):
    """A bundle's text as one cell of a table."""
    line = visible(" ".join(text.split()))
    short = line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()} …"
    return short.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def operations_table():
    """All operations, with what each does and how often an ordinary run cuts the power in it."""
    rows = [f"| `{one.name}` | {one.words} | {one.usual or '-'} |" for one in operations.ALL]
    return "\n".join(["| operation | what it does | cuts in an ordinary run |", "|---|---|---|", *rows, ""])


def results_table(bundles, before=""):
    """A row a lane: its cuts, what they broke with the worst first, and the operations that stayed whole.

    A lane that no bundle has keeps its row of the table `before`, and the runs of that table stay named: a column takes
    a quarter of an hour to some hours, so that they are not all run at once.
    """
    matrix = build(bundles)
    found = power_cuts(matrix)
    rows = {}
    for column, one in enumerate(matrix.columns):
        own = [row.cuttings[column] for row in found.rows if row.cuttings[column]]
        if not own:
            continue
        broken = [f"`{cell(cut.operation)}` {cell(cut.state)}" for cut in found.broken if cut in own]
        whole = [f"`{cell(cut.operation)}`" for cut in own if not cut.broken]
        lane, looked = f"`{cell(one.lane.id)}`", sum(cut.looked for cut in own)
        rows[lane] = [lane, f"{looked}", "; ".join(broken) or "nothing", ", ".join(whole) or "none"]
    kept = {one[0]: one for one in rows_of(before) if one[0] not in rows}
    runs = [f"- {cell(run.name)} at commit {str(run.suite.get('commit', ''))[:12] or 'unknown'}" for run in matrix.runs]
    earlier = [line for line in before.splitlines() if line.startswith("- ") and kept]
    told = sorted([*kept.values(), *rows.values()])
    looked = sum(int(one[1]) for one in told)
    return "\n".join([
        "| lane | cuts | the worst that a cut left, by operation | whole after every cut |", "|---|---|---|---|",
        *(f"| {' | '.join(one)} |" for one in told), "", f"{counted(looked, 'cut')}; runs:",
        *dict.fromkeys([*earlier, *runs]), "",
    ])  # fmt: skip


def rows_of(table):
    """The cells of a table's rows, of those that name a lane."""
    return [re.split(r"(?<!\\) \| ", line[2:-2]) for line in table.splitlines() if line.startswith("| `")]


def made(page, bundles=()):
    """The page as it has to be; its results stay as they are if no bundle is given."""
    page = placed(page, "operations", operations_table())
    return placed(page, "results", results_table(bundles, between(page, "results"))) if bundles else page


def main(*places):
    """Write the page anew."""
    bundles = [read_bundle(path) for path in bundle_paths(map(Path, places))] if places else []
    PAGE.write_text(made(PAGE.read_text(), bundles))
    sys.stdout.write(f"{PAGE.name}: {counted(len(operations.ALL), 'operation')}, {counted(len(bundles), 'bundle')}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
