"""Which kernel series Debian's suites carry now, read from their package lists and not from a table of this suite.

A release has one series, its backports had many one after the other, and the archive keeps several of them. The lists
are read once a day, into the cache.
"""

from __future__ import annotations

import datetime
import json
import platform
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from roadworthy.stage import Stage, quietly
from roadworthy.supplies.apt import Apt, AptFailed, apt
from roadworthy.supplies.cache import Cache, CacheEntry
from roadworthy.versions import series as series_of
from roadworthy.versions import version

#: The suites whose lists are read. Of one series, the first that has it counts: a release's own, then its backports.
SUITES = (
    "bullseye", "bookworm", "trixie", "forky", "sid", "bookworm-backports", "trixie-backports", "experimental",
)  # fmt: skip
FILE_NAME = "kernels.json"
#: A kernel itself: not a metapackage, one without signature, one with debugging symbols, or the real-time flavour.
PACKAGE = re.compile(r"linux-image-(?P<release>\d[\w.+~]*(?:-\d+)?)-(?P<flavour>cloud-)?(?:amd64|arm64)")


@dataclass(frozen=True)
class Listed:
    """A kernel package that a suite carries. `flavour` is `cloud-`, or empty for the generic kernel."""

    series: str
    flavour: str
    package: str
    release: str
    suite: str


def listed(cache: Cache, accept_expired: bool = False, stage: Stage = quietly) -> list[Listed]:
    """The newest package of each series, flavour and suite, from lists that were read today, or are read now.

    Suites that the mirror does not have are left out. Raises AptFailed if no list could be read.
    """

    def fill(directory: Path) -> dict[str, Any]:
        found: list[Listed] = []
        complaint: AptFailed | None = None
        for suite in SUITES:
            try:
                with stage(f"reading the package lists of {suite}"), apt(
                    suite, accept_expired=accept_expired, within=directory
                ) as client:  # fmt: skip
                    found += carried(client)
            except AptFailed as reason:
                complaint = complaint or reason
        if not found and complaint:
            raise complaint
        (directory / FILE_NAME).write_text(json.dumps([asdict(one) for one in found]))
        return {"kernels": len(found)}

    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    recipe = {"day": day, "machine": platform.machine(), "lists": 1}
    return read(cache.entry("kernel-lists", recipe, fill, label=day, stage=stage))


def last_listed(cache: Cache) -> list[Listed]:
    """What the lists said when they were read last; empty if they never were. Nothing is fetched."""
    entries = sorted(cache.entries("kernel-lists"), key=lambda entry: str(entry.recipe["day"]))
    return read(entries[-1]) if entries else []


def read(entry: CacheEntry) -> list[Listed]:
    """The kernels of an entry of the cache."""
    return [Listed(**one) for one in json.loads((entry.path / FILE_NAME).read_text())]


def carried(client: Apt) -> Iterator[Listed]:
    """Yield the newest kernel package of each series and flavour that a suite carries."""
    newest: dict[tuple[str, str], Listed] = {}
    for package in client.names("linux-image-"):
        named = PACKAGE.fullmatch(package)
        if not named:
            continue
        one = Listed(series_of(named["release"]), named["flavour"] or "", package, named["release"], client.suite)
        known = newest.get((one.series, one.flavour))
        if known is None or numbers(known.release) < numbers(one.release):
            newest[one.series, one.flavour] = one
    yield from newest.values()


def numbers(release: str) -> list[int]:
    """All numbers of a release in order, that of the binary interface too: `6.1.0-50` gives [6, 1, 0, 50]."""
    return [int(digits) for digits in re.findall(r"\d+", release)]


def of_series(kernels: Iterable[Listed], series: str, flavour: str) -> list[Listed]:
    """The packages of a series in one flavour, in the order of the suites."""
    found = [one for one in kernels if (one.series, one.flavour) == (series, flavour)]
    return sorted(found, key=lambda one: SUITES.index(one.suite))


def all_series(kernels: Iterable[Listed]) -> list[str]:
    """Every series that occurs, the oldest first."""
    return sorted({one.series for one in kernels}, key=version)
