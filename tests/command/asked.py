"""Commands as a user asks them, in a directory whose bundles/ holds recorded runs.

The runs in tests/command/recorded are real ones, without what they say of the machine: `drivers` and `more`, six
drivers on Linux 6.18, and `kernels`, overlay2 on three kernels.
"""

import os
import shutil
from pathlib import Path

from click.testing import CliRunner

from roadworthy.command.cli import main

RECORDED = Path(__file__).parent / "recorded"
DRIVERS, KERNELS, MORE = RECORDED / "drivers", RECORDED / "kernels", RECORDED / "more"


def stand(place, *runs):
    """Give a directory the recorded runs, as pytest leaves them there, the last one the newest."""
    (place / "bundles").mkdir(exist_ok=True)
    for turn, run in enumerate(runs):
        shutil.copytree(run, place / "bundles" / run.name)
        path = place / "bundles" / run.name / "bundle.jsonl"
        stamp = 1_800_000_000 + turn
        os.utime(path, (stamp, stamp))
    return place


def ask(*words):
    """Run `roadworthy` with these words; its result has `exit_code`, `stdout` and `stderr`."""
    done = CliRunner().invoke(main, [str(word) for word in words], prog_name="roadworthy")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done
