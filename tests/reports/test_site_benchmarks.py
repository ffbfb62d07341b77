"""Pages of benchmarks: absolute and relative cost side by side, curves, counts, and the course over the editions."""

from __future__ import annotations

import dataclasses
import random
import re
from pathlib import Path

import msgspec
import nights
import pytest
import sample
import sample_site

from roadworthy.reports.records import Benchmark
from roadworthy.reports.site import trend
from roadworthy.reports.site.benchmarks import benchmark, functions
from roadworthy.reports.site.making import make, values

LANE = sample_site.lane("overlay2")


def write(size: str, milliseconds: float, ratio: float) -> Benchmark:
    made = sample.benchmark(LANE, f"copy-up/first-write/lower@{size}", "time of a first write", "ns", random.Random(1))
    arm = msgspec.structs.replace(made.arm, median=milliseconds * 1e6)
    baseline = msgspec.structs.replace(made.baseline, median=2e6)
    numbers = {"ratio": ratio, "ratio_low": ratio * 0.9, "ratio_high": ratio * 1.1, "verdict": "slower"}
    point = float(int(size.removesuffix("MiB")) << 20)
    return msgspec.structs.replace(made, arm=arm, baseline=baseline, point=point, **numbers)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twenty editions; on the tenth a kernel is new and the ratio doubles, and a count changes."""
    root = tmp_path / "bundles"
    dice = random.Random(5)
    for at in range(20):
        day = f"2026-11-{at + 1:02}"
        ratio = (1.5 if at < 10 else 3.0) * (1 + dice.uniform(-0.01, 0.01))
        records = [
            write("1MiB", 3.0, ratio), write("16MiB", 20.6, 8.0),
            sample.count(LANE, "copy-up/first-write", "bytes written", "B", 4096.0 if at < 15 else 8192.0),
        ]  # fmt: skip
        sample_site.bundle(root / day, {"overlay2": {"a/x": "pass"}}, f"{day}T02:00:00Z", more={"overlay2": records})
        if at >= 10:
            path = root / day / "bundle.jsonl"
            path.write_text(path.read_text().replace("6.12.57-1", "6.12.63-1"))
    return root


def test_absolute_and_relative_cost_stand_side_by_side(root, tmp_path):
    """A row a lane, a column a size, with the time in a unit that suits it, its ratio, and the baseline."""
    make(root, tmp_path / "public")
    page = (tmp_path / "public" / "benchmarks" / "copy-up" / "first-write.html").read_text()
    cell = next(cell for cell in re.findall(r"<td>(.*?)</td>", page, re.DOTALL) if "20.6 ms" in cell)
    said = re.sub(r"<[^>]+>", " ", cell)
    assert "×8" in said  # noqa: RUF001
    assert "7.2–8.8" in said  # noqa: RUF001
    assert "native 2 ms" in said
    assert re.findall(r'<th scope="col" id="([^"]*)"', page) == ["1MiB", "16MiB"]


def test_sizes_are_in_their_order(root):
    page = benchmark(values(root), "copy-up/first-write", {})
    assert [times.points for times in page.times] == [("1MiB", "16MiB")]
    assert [[metric.metric for metric in page.counts.metrics], len(page.counts.rows)] == [["bytes written"], 1]


def test_what_is_new_on_a_night_is_a_tick(root, tmp_path):
    """A new kernel is named where it was new, a change that came with it is its environment's, a count's is its own."""
    site, _ = make(root, tmp_path / "public")
    page = (tmp_path / "public" / "benchmarks" / "copy-up" / "first-write.html").read_text()
    assert "linux 6.12.63-1" in page
    rows = re.findall(r"<tr><th scope=\"row\">(copy-up.*?)</tr>", page, re.DOTALL)
    told = {
        re.sub(r"<.*", "", row, flags=re.DOTALL): re.findall(r"<b>([\w ]+)</b> since ([\d-]+)", row) for row in rows
    }
    assert told["copy-up/first-write, bytes written"] == [("count changed", "2026-11-16")]
    assert told["copy-up/first-write/lower@1MiB, time of a first write"] == [("environment", "2026-11-11")]
    assert told["copy-up/first-write/lower@16MiB, time of a first write"] == []
    assert [len(one.nights) for one in site.series] == [20, 20, 20]


def test_a_gap_is_no_line():
    """A night that is withheld is not drawn, and numbers that no axis can show draw nothing."""
    some = nights.time_series([0.0, 0.1, 0.2])
    middle = dataclasses.replace(some.nights[1], withheld="invalid")
    held = dataclasses.replace(some, nights=(some.nights[0], middle, some.nights[2]))
    assert trend.trail(held, ()).drawing.count("L") == trend.trail(some, ()).drawing.count("L") - 1
    assert trend.trail(nights.count_series([float("inf")] * 3), ()).drawing == ""


def test_a_run_of_many_kinds_has_its_pages(tmp_path):
    """The sample of the page's tests has a page for each benchmark, and none is too large."""
    sample.write(tmp_path / "bundles" / "2026-11-23", sample.records())
    site, _ = make(tmp_path / "bundles", tmp_path / "public")
    names = functions(site)
    assert len(names) >= 6
    for name in names:
        page = benchmark(site, name, {})
        assert page.drivers
    sizes = [path.stat().st_size for path in (tmp_path / "public" / "benchmarks").rglob("*.html")]
    assert len(sizes) == len(names) + 1
    assert max(sizes) < 300_000
