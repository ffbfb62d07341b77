"""The run bundle's writer: a line a record, on disk at once, one run a directory."""

import json
import os
import subprocess
import sys

import pytest

from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.records import SCHEMA, Check, Lane, Plan, Result
from roadworthy.run.results import BundleWriter

LANE = Lane(
    id="overlay2-ext4-docker20.10-linux6.1", driver="overlay2", backing="ext4", engine="docker20.10", kernel="6.1"
)
CHECK = Check(id="rename/file", family="rename", promise="It moves.", provenance="lower", file="test_rename.py", line=1)


def plan():
    return Plan(
        schema=SCHEMA, run="20260101-000000-abcdef", started="2026-01-01T00:00:00Z", suite={}, argv=[], lanes=[LANE],
        checks=[CHECK], cells=[(LANE.id, CHECK.id)],
    )  # fmt: skip


def result(verdict="pass", reason=""):
    return Result(
        lane=LANE.id, check=CHECK.id, nodeid="test_rename.py::test_x", verdict=verdict, at="2026-01-01T00:00:01Z",
        seconds=0.1, reason=reason,
    )  # fmt: skip


def lines(bundle):
    return [json.loads(line) for line in bundle.path.read_text().splitlines()]


def test_each_record_is_a_line_on_disk_at_once(tmp_path):
    """A record can be read as soon as it was written."""
    bundle = BundleWriter(tmp_path / "new/run")
    bundle.write(plan())
    assert [line["type"] for line in lines(bundle)] == ["plan"]
    bundle.write(result())
    assert [line["type"] for line in lines(bundle)] == ["plan", "result"]
    bundle.end(0)
    assert lines(bundle)[-1]["counts"] == {"pass": 1}


def test_what_was_written_can_be_read(tmp_path):
    """A finished bundle is whole to its reader, whatever its texts hold."""
    bundle = BundleWriter(tmp_path)
    bundle.write(plan())
    bundle.write(result("fail", "line\nbreak \x1b[31m \u2028 \N{REPLACEMENT CHARACTER} <script>"))
    bundle.end(1)
    found = read_bundle(tmp_path)
    assert found.troubles == ()
    assert found.end.exit_status == 1
    assert found.results[0].reason == "line\nbreak \x1b[31m \u2028 \N{REPLACEMENT CHARACTER} <script>"


def test_a_text_that_is_no_unicode_is_written_all_the_same(tmp_path):
    """A file name with bytes that are no text, as the kernel may hand out, does not end the run."""
    bundle = BundleWriter(tmp_path)
    bundle.write(plan())
    bundle.write(result("fail", "open('\udcff')"))
    bundle.end(1)
    assert "open(" in read_bundle(tmp_path).results[0].reason


def test_two_runs_never_share_a_bundle(tmp_path):
    """A directory that holds a bundle already is refused, and the bundle is left as it is."""
    first = BundleWriter(tmp_path)
    first.write(plan())
    with pytest.raises(FileExistsError):
        BundleWriter(tmp_path)
    assert len(lines(first)) == 1


def test_an_unfinished_bundle_is_incomplete_to_its_reader(tmp_path):
    """A run that was killed leaves a bundle without a closing record, and that shows."""
    bundle = BundleWriter(tmp_path)
    bundle.write(plan())
    assert any("closing record" in trouble for trouble in read_bundle(tmp_path).troubles)


def test_F22_a_full_disk_ends_the_bundle_at_its_last_whole_line(tmp_path):
    """Where a record does not fit, writing raises, nothing comes behind the torn line, and the rest is readable."""
    text = f"""
import resource, signal, sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from pathlib import Path
from test_results import BundleWriter, plan, result
bundle = BundleWriter(Path({str(tmp_path)!r}))
bundle.write(plan())
bundle.write(result())
resource.setrlimit(resource.RLIMIT_FSIZE, (bundle.path.stat().st_size + 10, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        bundle.write(result("fail", "x" * 100))
    except OSError as reason:
        print("refused")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\nrefused\n", done.stderr
    found = read_bundle(tmp_path)
    assert len(found.results) == 1
    assert any("torn" in trouble for trouble in found.troubles)
