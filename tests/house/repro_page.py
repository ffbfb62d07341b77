"""What docs/repro.md says: `make repro BUNDLE=bundles/RUN` runs a script for every recorded break of a run.

Scripts that mount a driver's layers are run as they are, those that need an engine on a private daemon. The run needs
the lane native, whose calls go to the end of every check. Root is needed, and a minute for sixty breaks.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "real"))

import pytest
from durability_page import cell, placed
from private_daemon import private_daemon

from roadworthy.command.recorded import Asked
from roadworthy.command.repro import calls_of
from roadworthy.declaring.known import checks_known
from roadworthy.drivers import DRIVERS
from roadworthy.programs import tied
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.matrix import build
from roadworthy.reports.series import bundle_paths
from roadworthy.reports.text import counted
from roadworthy.repro.calls import NoScript
from roadworthy.repro.reproducer import reproducer
from roadworthy.repro.script import is_mounted

PAGE = Path(__file__).parents[2] / "docs/repro.md"
#: Seconds that a script may take.
SECONDS = 120


def scripts(matrix):
    """Every recorded break of a run: its column and check, and its script or the reason why it has none."""
    for row in matrix.rows:
        for column, found in zip(matrix.columns, row.cells, strict=True):
            if not found or found.verdict != "known":
                continue
            one = Asked(column, row.check, found)
            calls = calls_of(row.check.id, [one], matrix)
            known = checks_known()[row.check.id.partition("[")[0]]
            driver = DRIVERS[column.lane.driver]
            try:
                if calls is None:
                    raise NoScript("it makes no system calls of its own")
                why = found.result.deviation.why
                text = reproducer(known, row.check.id, driver, column.lane.backing, why, calls.transcript,
                                  calls.omitted_calls)  # fmt: skip
                yield column.lane.driver, row.check.id, text, ""
            except NoScript as reason:
                yield column.lane.driver, row.check.id, "", str(reason)


def ran(text, environment):
    """Run a script: its exit status, and the first line of each side that differs."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "script")
        path.write_text(text)
        done = subprocess.run(
            tied(["sh", path]), capture_output=True, text=True, env=environment, timeout=SECONDS, check=False
        )  # fmt: skip
    sides = [next((line[1:].strip() for line in done.stdout.splitlines()[2:] if line.startswith(sign)), "nothing more")
             for sign in "-+"]  # fmt: skip
    return done.returncode, sides, done.stderr.strip()


def rows(matrix):
    """Run every script: driver, check, how, outcome in words, and both sides."""
    waiting = defaultdict(list)
    for driver, check, text, why in scripts(matrix):
        if not text:
            yield driver, check, "-", f"no script: {why}", ("", "")
        elif is_mounted(driver):
            yield outcome(driver, check, "mounts", *ran(text, dict(os.environ)))
        else:
            waiting[driver].append((check, text))
    for driver, found in waiting.items():
        try:
            with private_daemon(driver) as engine:
                asking = {**os.environ, "DOCKER_HOST": f"unix://{engine.socket}"}
                for check, text in found:
                    yield outcome(driver, check, "engine", *ran(text, asking))
        except pytest.skip.Exception as reason:
            sys.stderr.write(f"{driver}: {reason}\n")


def outcome(driver, check, how, status, sides, said):
    words = {0: "not shown: no answer differs", 1: "shown"}.get(status, f"not run: {said[-80:]}")
    return driver, check, how, words, sides if status == 1 else ("", "")


def table(matrix):
    """A row a break, those that a script shows first, and how many there are of each kind."""
    found = sorted(rows(matrix), key=lambda row: (row[3] != "shown", list(DRIVERS).index(row[0]), row[1]))
    kinds = Counter(re.split(":", row[3])[0] for row in found)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    lines = [f"{counted(len(found), 'recorded break')}: {counts}.", ""]
    lines += ["| driver | check | script | outcome | a plain directory | the driver |", "|---|---|---|---|---|---|"]
    for driver, check, how, words, sides in found:
        here = [f"`{cell(side)}`" if side else "" for side in sides]
        lines.append(f"| {driver} | `{cell(check)}` | {how} | {cell(words)} | {here[0]} | {here[1]} |")
    lanes = ", ".join(f"`{column.lane.id}`" for column in matrix.columns)
    return "\n".join([*lines, "", f"Lanes: {lanes}.", ""])


def main(*places):
    """Write the table anew."""
    matrix = build([read_bundle(path) for path in bundle_paths(map(Path, places))])
    PAGE.write_text(placed(PAGE.read_text(), "breaks", table(matrix), "repro"))


if __name__ == "__main__":
    main(*sys.argv[1:])
