"""A short search with a real daemon: what it says, what it leaves, and what it finds on a driver that is known."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.explorer.operations import Operation, Sequence
from roadworthy.upkeep.ledger import LEDGERS

pytestmark = pytest.mark.real

RENAME = Sequence(True, (Operation(0, "rename", ("dir", "new")), Operation(0, "chmod", ("one", 0o600))))
STALE = Sequence(
    False,
    (
        Operation(0, "open", ("low", os.O_RDONLY), into=0),
        Operation(0, "map", (False,), slot=0, into=0),
        Operation(1, "open", ("low", os.O_RDWR), into=0),
        Operation(1, "pwrite", (b"written", 0), slot=0),
        Operation(0, "peek", (16,), slot=0),
    ),
)


def explore(tmp_path, *words):
    """A search as a process of its own."""
    command = [sys.executable, "-m", "roadworthy.command.cli", "explore", f"--bundle={tmp_path / 'found'}", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as running:
        out, err = running.communicate(timeout=120)
    # Ledgers begin with the process that owns them; others' come and go.
    first = [path.read_text().partition("\n")[0] for path in LEDGERS.glob("*.jsonl")] if LEDGERS.is_dir() else []
    assert [line for line in first if line and json.loads(line)["pid"] == running.pid] == []
    return subprocess.CompletedProcess(command, running.returncode, out, err)


def records(tmp_path):
    return [json.loads(line) for line in Path(tmp_path, "found/explorer.jsonl").read_text().splitlines()]


def test_two_trees_on_the_volume_do_not_differ(tmp_path):
    """A short search of native against itself finds nothing, and says what it did."""
    done = explore(tmp_path, "--driver=native", "--minutes=0.05", "--seed=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 recorded deviations, 0 new divergences" in done.stdout
    begin, *_, end = records(tmp_path)
    assert (begin["kind"], begin["seed"], end["kind"], end["new"]) == ("begin", 1, "end", 0)
    assert end["sequences"] > 1
    assert end["coverage"]


def test_overlay2s_deviations_are_found_and_named(tmp_path):
    """Sequences that are known to differ on overlayfs differ, are named by their checks, and are nothing new."""
    kept = tmp_path / "kept.jsonl"
    kept.write_text("".join(json.dumps({"sequence": found.as_json()}) + "\n" for found in (RENAME, STALE)))
    done = explore(tmp_path, "--driver=overlay2", f"--replay={kept}")
    assert done.returncode == 0, done.stdout + done.stderr
    for check in ("rename/lower-populated-dir", "link/lower-pair-after-chmod", "mmap/ro-shared-map-sees-write"):
        assert f"known    {check}: " in done.stdout
    assert done.stdout.count("nothing new") == 2
