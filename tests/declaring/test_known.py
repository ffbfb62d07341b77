"""What is known of checks without a run is what a collection finds."""

import json
import os
import subprocess
import sys
from pathlib import Path

from roadworthy.declaring.known import checks_known

ROOT = Path(__file__).parents[2]
LISTED = """
import json
from roadworthy.declaring.checks import declared

def pytest_collection_finish(session):
    found = {}
    for item in session.items:
        check = declared(item)
        if check is not None:
            name = check.identity.partition("[")[0]
            slow = bool(item.get_closest_marker("slow"))
            path, line, _ = item.location
            found[name] = [check.promise, check.source, len(check.trees), slow, path, line + 1]
    print("CHECKS " + json.dumps(found))
"""


def test_known_is_what_is_collected(tmp_path):
    """Every check is known, with its promise, its source, its trees and its place."""
    (tmp_path / "listed.py").write_text(LISTED)
    command = [sys.executable, "-m", "pytest", "conformance", "--driver=overlay2", "--cuts=1", "--collect-only", "-qq"]
    done = subprocess.run(
        [*command, "-s", "-p", "listed", "-p", "no:cacheprovider"], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("CHECKS "))
    collected = json.loads(line.removeprefix("CHECKS "))
    found = {
        name: [one.promise, one.source, len(one.trees), one.slow, one.file, one.line]
        for name, one in checks_known().items()
    }
    assert found == collected
