"""Analyse the samples of a bundle again. Equal samples give equal results, bit for bit, on any machine."""

from __future__ import annotations

from collections.abc import Iterator

from roadworthy.measuring.statistics import METHOD, answer, of_samples, unvoided, whole_rows
from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import Benchmark, Sample


def differences(bundle: Bundle) -> Iterator[str]:
    """Yield a sentence for each difference between a stored record and a fresh analysis of its samples."""
    for record in bundle.benchmarks:
        yield from different(record)


def different(record: Benchmark) -> Iterator[str]:
    """Yield the differences of one record."""
    where = f"{record.lane} {record.benchmark}"
    if not record.samples:
        yield f"{where}: has no samples to analyse"
        return
    if record.method.get("version") != METHOD:
        yield f"{where}: was analysed by method {record.method.get('version')}, this is method {METHOD}"
        return
    names, seed = (record.baseline.name, record.arm.name), int(record.method["seed"])
    whole = bool(whole_rows(record.samples))
    shown: list[Sample] = record.samples if whole else [unvoided(sample) for sample in record.samples]
    found = of_samples(names, shown, seed)
    void = next((sample.void for sample in record.samples if sample.void), "")
    then, now = (0.0 if one is None else one.value for one in (record.added, found.added))
    verdict, _ = answer(record.guards, found if whole else None, void)
    pairs = {
        "ratio": (record.ratio, found.ratio.ratio),
        "difference": (then, now),
        "lower end": (record.ratio_low, found.ratio.low),
        "upper end": (record.ratio_high, found.ratio.high),
        f"median of {names[0]}": (record.baseline.median, found.baseline.median),
        f"median of {names[1]}": (record.arm.median, found.arm.median),
        "A/A ratio": (record.twin.ratio if record.twin else None, found.twin.ratio),
        "verdict": (record.verdict, verdict),
    }
    for what, (stored, again) in pairs.items():
        if stored != again:
            yield f"{where}: the {what} is {again!r}, stored is {stored!r}"
