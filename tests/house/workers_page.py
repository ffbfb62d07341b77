"""The times of docs/scaling.md for six lanes on one host: `make workers` runs them with -n 0 and with -n 2, in turns.

Each turn is a pair in random order, because what else the machine does changes over minutes. A pair whose verdicts
differ is an error: speed that is bought with other verdicts is none. The processor time is that of all processes of a
run that pytest has waited for; daemons are not among them.
"""

import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from roadworthy.reports.agreement import agreement
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.matrix import build

PAGE = Path(__file__).parents[2] / "docs/scaling.md"
ROOT = Path(__file__).parents[2]
LANES = ["--driver=overlay2,vfs,native", "--backing=ext4,xfs"]
CHECKS = ["-m", "not slow"]
BEGIN, END = "<!-- workers: made by `make workers` -->\n", "<!-- /workers -->\n"


def run(place, workers):
    """One run; its seconds, the seconds of processors, and what it found."""
    bundle = place / f"with-{workers}"
    words = [*LANES, *CHECKS, f"-n{workers}", "-q", f"--bundle={bundle}", "-p", "no:cacheprovider", *sys.argv[2:]]
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with (place / f"with-{workers}.log").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words], cwd=ROOT, stdout=log, stderr=log, timeout=3600, check=False
        )
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 1), (place / f"with-{workers}.log").read_text()[-2000:]
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, spent, build([read_bundle(bundle)])


def pair(number):
    """A run without workers and one with two, in random order; a row of the table, and their ratio."""
    order = random.Random(number).sample([0, 2], 2)
    with tempfile.TemporaryDirectory() as name:
        load = os.getloadavg()[0]
        found = {workers: run(Path(name), workers) for workers in order}
    (alone, spent, one), (side, spent_both, two) = found[0], found[2]
    same = agreement(one, two)
    assert not same.apart, same.apart
    ratio = side / alone
    took = f"{alone:.0f} s | {side:.0f} s | {ratio:.2f} | {spent:.0f} s, {spent_both:.0f} s"
    row = f"| {load:.1f} | {same.common} | {took} |"
    sys.stdout.write(row + "\n")
    sys.stdout.flush()
    return row, ratio


def main():
    pairs = [pair(number) for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3)]
    lines = [
        "| load before | cells, all with one verdict | `-n 0` | `-n 2` | ratio | processor time of each |",
        "|---|---|---|---|---|---|", *(row for row, _ in pairs), "",
        f"The median ratio is {statistics.median(ratio for _, ratio in pairs):.2f}, on {os.cpu_count()} processors.",
    ]  # fmt: skip
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: BEGIN + "\n".join(lines) + "\n" + END, PAGE.read_text()))


if __name__ == "__main__":
    main()
