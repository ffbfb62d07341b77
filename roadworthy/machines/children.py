"""The children of a process, from what every kernel has: its own list of them needs CONFIG_PROC_CHILDREN."""

from __future__ import annotations

from pathlib import Path


def children(parent: int) -> list[int]:
    """The process ids of a process' children, see proc_pid_stat(5)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold anything; state and parent follow it.
            of = (process / "stat").read_bytes().rpartition(b")")[2].split()[1]
        except OSError:
            continue  # it has ended
        if int(of) == parent:
            found.append(int(process.name))
    return found
