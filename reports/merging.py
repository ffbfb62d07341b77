"""One bundle of many, as if one run had written them all: machines of a night, or lanes that ran as jobs."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.joining import in_order
from roadworthy.reports.records import Benchmark, Check, End, Lane, Plan, Record, Result

#: What the plan of a merged bundle has in `suite`: the runs that it was made from.
SOURCES = "merged"


def merged_text(bundles: Sequence[Bundle]) -> str:
    """The text of the bundle that these make; any order of them makes one text. They must not hinder each other.

    Raw files of benchmarks and logs of power cuts stay with the bundles that have them, so that nothing here names one.
    """
    return text_of(merged(bundles))


def alone(bundle: Bundle) -> list[Record]:
    """The records of a bundle that is given away without the other files of its directory."""
    return [bundle.plan, *_records(bundle), *([bundle.end] if bundle.end else [])]


def text_of(records: Iterable[Record]) -> str:
    """Records as the text of a bundle."""
    return "".join(f"{_line(record)}\n" for record in records)


def merged(bundles: Sequence[Bundle]) -> list[Record]:
    """The records of the bundle that these make; one alone stays the run that it is. Raises ValueError for none."""
    if not bundles:
        raise ValueError("a merged bundle needs at least one bundle")
    if len(bundles) == 1:
        return alone(bundles[0])
    ordered = in_order(bundles)
    records: list[Record] = [record for bundle in ordered for record in _records(bundle)]
    return [_plan(ordered, records), *records, _end(ordered)]


def _records(bundle: Bundle) -> Iterator[Record]:
    yield from bundle.lanes
    for result in bundle.results:
        yield _without_log(result)
    for benchmark in bundle.benchmarks:
        yield _without_raw(benchmark)
    yield from bundle.trends
    yield from bundle.counts


def _without_log(result: Result) -> Result:
    if result.cuts is None or not result.cuts.kept:
        return result
    return msgspec.structs.replace(result, cuts=msgspec.structs.replace(result.cuts, kept=False))


def _without_raw(benchmark: Benchmark) -> Benchmark:
    if not any(sample.raw for sample in benchmark.samples):
        return benchmark
    samples = [msgspec.structs.replace(sample, raw="") for sample in benchmark.samples]
    return msgspec.structs.replace(benchmark, samples=samples)


def _plan(ordered: Sequence[Bundle], records: Sequence[Record]) -> Plan:
    """The plan of them all: of a lane or a check that several name, the newest definition."""
    lanes: dict[str, Lane] = {}
    checks: dict[str, Check] = {}
    for bundle in ordered:
        lanes |= {lane.id: lane for lane in bundle.plan.lanes}
        checks |= {check.id: check for check in bundle.plan.checks}
    first, suites = ordered[0].plan, [bundle.plan.suite for bundle in ordered]
    common = {key: value for key, value in suites[-1].items()
              if key != SOURCES and all(suite.get(key) == value for suite in suites)}  # fmt: skip
    digest = hashlib.sha256("".join(map(_line, (*(bundle.plan for bundle in ordered), *records))).encode()).hexdigest()
    return Plan(
        schema=first.schema,
        run=f"{ordered[0].started:%Y%m%d-%H%M%S}-{digest[:6]}",
        started=first.started,
        suite={SOURCES: [source for bundle in ordered for source in _sources(bundle)], **common},
        argv=first.argv if all(bundle.plan.argv == first.argv for bundle in ordered) else [],
        lanes=list(lanes.values()),
        checks=list(checks.values()),
        cells=[cell for bundle in ordered for cell in bundle.plan.cells],
        rounds=first.rounds,
        benchmarks=sum(bundle.plan.benchmarks for bundle in ordered),
    )


def _sources(bundle: Bundle) -> list[Any]:
    """The run of a bundle, with what a merged bundle has no place for; of a merged one the runs that it came from."""
    plan, end = bundle.plan, bundle.end
    if isinstance(earlier := plan.suite.get(SOURCES), list):
        return earlier
    return [{
        "run": plan.run, "started": plan.started, "finished": end.finished if end else "",
        "exit_status": end.exit_status if end else None, "argv": plan.argv, "suite": plan.suite,
        "lanes": [lane.id for lane in plan.lanes], "troubles": list(bundle.troubles),
    }]  # fmt: skip


def _end(ordered: Sequence[Bundle]) -> End:
    """The end of them all; what is said of a truncated bundle is why the whole one stopped."""
    ends = [bundle.end for bundle in ordered if bundle.end]
    counts = Counter(result.verdict for bundle in ordered for result in bundle.results)
    stopped = [f"{bundle.plan.run}: {sentence}" for bundle in ordered for sentence in bundle.troubles]
    return End(
        finished=max((end.finished for end in ends), default=""),
        exit_status=max((end.exit_status for end in ends), default=0) if len(ends) == len(ordered) else 2,
        counts={verdict: counts[verdict] for verdict in sorted(counts)},
        stopped="; ".join(stopped),
        benchmarks=sum(end.benchmarks for end in ends),
    )


def _line(record: Record) -> str:
    # Not msgspec, which refuses what JSON of other writers may hold: lone surrogates, and integers above 64 bits.
    return json.dumps(msgspec.to_builtins(record), separators=(",", ":"))
