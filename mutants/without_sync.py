"""Becomes another program, for which, and for all that it starts, every call that writes to a device does nothing.

    python -m roadworthy.mutants.without_sync PROGRAM [ARGUMENT ...]

The calls report success. A filter is inherited, so a daemon that is started so passes it on to its containers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from roadworthy.mutants import PACKAGES
from roadworthy.mutants.call_filter import PRETEND, filtered

CALLS = ("fsync", "fdatasync", "msync", "sync", "syncfs", "sync_file_range")


def without_sync(argv: Sequence[str]) -> list[str]:
    """The command line that starts a program so."""
    return ["env", f"PYTHONPATH={PACKAGES}", sys.executable, "-P", "-B", "-m", __name__, *argv]


def main(argv: list[str]) -> None:
    os.environ.pop("PYTHONPATH", None)  # it was ours, and is not the program's
    filtered(CALLS, PRETEND)
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main(sys.argv[1:])
