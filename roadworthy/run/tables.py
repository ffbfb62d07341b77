"""Tables of benchmarks for the terminal: one for each benchmark, with metrics as rows and drivers as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from roadworthy.reports.added import added
from roadworthy.reports.effects import shown, why
from roadworthy.reports.records import Benchmark, Count, Trend
from roadworthy.reports.units import amount, exact, number, per

#: The unit of counted system calls.
CALLS = "calls"
MARKS = {"slower": ">", "faster": "<", "equivalent": "=", "inconclusive": "?", "invalid": "!",
         "grows": "/", "falls": "\\", "flat": "-"}  # fmt: skip
LEGEND = "> slower  < faster  = equivalent  ? inconclusive  ! invalid, see below  / grows  \\ falls  - flat"


@dataclass
class Table:
    """The cells of one benchmark by row and lane, with the reasons of those that show no result."""

    against: set[str] = field(default_factory=set)
    cells: dict[str, dict[str, str]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    verdicts: dict[str, Counter[str]] = field(default_factory=dict)

    def put(self, row: str, lane: str, text: str) -> None:
        self.cells.setdefault(row, {})[lane] = text


def tables(
    records: Sequence[Benchmark], trends: Sequence[Trend], counts: Sequence[Count], lanes: Sequence[tuple[str, str]],
    detail: int = 0,
) -> Iterator[str]:  # fmt: skip
    """Yield the lines of all tables; `lanes` are pairs of a lane's id and its driver's name.

    `detail` is pytest's verbosity: below 0, each benchmark and driver gets one line; above 0, cells also have medians,
    the A/A interval and the number of rows, and counts of system calls are shown.
    """
    found: dict[str, Table] = {}
    for record in records:
        time(found.setdefault(identity(record.benchmark), Table()), record, detail)
    for trend in trends:
        table = found.setdefault(identity(trend.benchmark), Table())
        table.put(label(trend.benchmark, f"{trend.metric}, by {trend.axis}"), trend.lane, slope(trend))
    for count in counts:
        if count.unit != CALLS or detail > 0:  # they would double the table
            table = found.setdefault(identity(count.benchmark), Table())
            table.put(label(count.benchmark, count.metric), count.lane, counting(count))
    alone = len({driver for _, driver in lanes}) == len(lanes)
    names = {lane: driver if alone else lane for lane, driver in lanes}
    for name, table in sorted(found.items()):
        yield from (brief(name, table, names) if detail < 0 else whole(name, table, names))
    if found and detail >= 0:
        yield LEGEND


def identity(benchmark: str) -> str:
    """`names/lookup-by-depth` of `names/lookup-by-depth/lower@4`."""
    return "/".join(benchmark.partition("@")[0].split("/")[:2])


def label(benchmark: str, metric: str) -> str:
    """The label of a row: the metric, with the stratum and the point from the benchmark's name."""
    rest = benchmark.removeprefix(identity(benchmark)).strip("/")
    return f"{metric} ({rest.replace('@', ' @ ').strip()})" if rest else metric


def time(table: Table, record: Benchmark, detail: int) -> None:
    """Add a time to its table."""
    row = label(record.benchmark, record.metric)
    table.against.add(record.baseline.name)
    verdict = "not published" if record.unpublished and record.verdict != "invalid" else shown(record)
    table.verdicts.setdefault(record.lane, Counter())[verdict] += 1
    table.put(row, record.lane, ratio(record, detail))
    if reason := record.unpublished or why(record):
        table.reasons.append(f"{record.lane}, {row}: {verdict}, {reason}")


def ratio(record: Benchmark, detail: int) -> str:
    """Format a time as a cell: mark, ratio with interval, and the added cost if the baseline is far below it."""
    if record.verdict == "invalid":
        return MARKS["invalid"]
    mark = " " if record.unpublished else MARKS[shown(record)]
    said = f"{mark} {record.ratio:.2f} [{record.ratio_low:.2f}, {record.ratio_high:.2f}]"
    if more := added(record):
        said += f" {more}"
    if detail > 0:
        medians = f"{amount(record.arm.median, record.unit)} / {amount(record.baseline.median, record.unit)}"
        alike = f", A/A {record.twin.low:.2f} to {record.twin.high:.2f}" if record.twin else ""
        said += f" {medians}{alike}, {len(record.arm.samples)} rows"
    return said


def slope(trend: Trend) -> str:
    """Format a trend as a cell: mark, slope, and the effects of the places in a row."""
    if trend.verdict == "invalid" or trend.unpublished:
        return MARKS["invalid"] if trend.verdict == "invalid" else " not published"
    mark = MARKS[trend.verdict]
    said = f"{mark} {per(trend.arm.slope, trend.unit, trend.axis_unit)}"
    if len(trend.arm.places) > 1:
        said += f", by place in the row {', '.join(f'x{number(factor)}' for factor in trend.arm.places)}"
    return said


def counting(found: Count) -> str:
    """Format a count as a cell, with the baseline's count if there is one."""
    against = "" if found.baseline is None else f" / {exact(found.baseline, found.unit)}"
    return f"  {exact(found.value, found.unit)}{against}"


def brief(name: str, table: Table, names: dict[str, str]) -> Iterator[str]:
    """Yield a line for each lane: how many times have which verdict."""
    for lane, verdicts in table.verdicts.items():
        yield f"{name}, {names.get(lane, lane)}: {', '.join(f'{many} {verdict}' for verdict, many in verdicts.items())}"


def whole(name: str, table: Table, names: dict[str, str]) -> Iterator[str]:
    """Yield the heading, a row for each metric, and the reasons."""
    seen = {lane for cells in table.cells.values() for lane in cells}
    columns = [lane for lane in names if lane in seen] + sorted(seen - set(names))
    heads = [names.get(lane, lane) for lane in columns]
    rows = [[row, *(cells.get(lane, "") for lane in columns)] for row, cells in table.cells.items()]
    against = f", against {', '.join(sorted(table.against))}" if table.against else ""
    lines = [[f"{name}{against}", *heads], *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads) + 1)]
    for line in lines:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
    for reason in table.reasons:
        yield f"  {reason}"
    yield ""
