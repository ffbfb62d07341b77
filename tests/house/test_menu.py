"""What `make` says to who cannot do what it is asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", ["conformance", "test", "bench", "sensitivity", "weekly"])
def test_who_is_not_root_is_told_at_once(tmp_path, without_root, target):
    """Nothing is installed or run before that, and make does not succeed."""
    shutil.copy(ROOT / "Makefile", tmp_path)  # without the rest, so that a step that is taken fails with other words
    command = [*without_root, "make", "--no-print-directory", "-f", str(tmp_path / "Makefile"), target]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    said, *_ = done.stderr.splitlines()
    assert said == "this mounts file systems and starts daemons: run make as root, or with sudo"
