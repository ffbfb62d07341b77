"""The agent of a whole guest: the agent of a container, and the few calls that only a machine needs.

It uses the standard library only and runs on Python 3.9, because it lies beside agent.py in the guest and is run by the
guest's own interpreter, with the virtio-serial port as its standard input and output.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agent  # type: ignore[import-not-found]

#: Bytes of output kept of one program; the rest is read and discarded.
OUTPUT_LIMIT = 4 << 20


def call_run_apart(argv: list[str], environment: dict[str, str], seconds: float) -> list[Any]:
    """Run a program to its end: [exit status, output, errors]; the status is null if it was killed after `seconds`."""
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd="/",
        start_new_session=True,
    )  # fmt: skip
    code = None
    try:
        output, errors = child.communicate(timeout=seconds)
        code = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, errors = child.communicate()
    return [code, output[:OUTPUT_LIMIT], errors[-65536:]]


def call_launch(argv: list[str], environment: dict[str, str], log: str) -> int:
    """Start a program with its output appended to `log`, and leave it running: its process id."""
    with open(log, "ab") as output:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd="/",
            start_new_session=True,
        )  # fmt: skip
    launched[child.pid] = child
    return child.pid


launched: dict[int, subprocess.Popen[bytes]] = {}


def call_ended(pid: int) -> int | None:
    """The return code of a launched program, as subprocess has it, or null while it runs."""
    return launched[pid].poll()


def call_walk(top: str) -> list[str]:
    """Every path under `top`, without following links, parents before children, names in order."""
    found: list[str] = []
    for directory, names, files in os.walk(top):
        names.sort()
        found += [os.path.join(directory, name) for name in sorted(names + files)]
    return found


def call_records(descriptor: int, limit: int) -> list[bytes]:
    """The pending records of an open /dev/kmsg, at most `limit` of them, see the kernel's dev-kmsg document."""
    found: list[bytes] = []
    while len(found) < limit:
        try:
            found.append(os.read(descriptor, 8192))
        except BlockingIOError:
            break
        except BrokenPipeError:
            continue  # the kernel overwrote what was not read yet; the next read continues after it
    return found


def call_loop(turns: int) -> float:
    """The seconds that a loop of `turns` turns takes here."""
    begun = time.perf_counter()
    total = 0
    for turn in range(turns):
        total = (total * 31 + turn) & 0xFFFF
    return time.perf_counter() - begun


def call_piece(path: str, offset: int, count: int) -> bytes:
    """Up to `count` bytes of a file from `offset` on; fewer only at its end, even if its size is not known."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = b""
        while len(found) < count:
            # Not more at once: for a sysctl, the kernel allocates a buffer of the requested size, or refuses.
            data = os.pread(descriptor, min(1 << 16, count - len(found)), offset + len(found))
            if not data:
                break
            found += data
        return found
    finally:
        os.close(descriptor)


def call_sync(path: str) -> None:
    """syncfs(2) of the file system that holds `path`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        agent.checked(agent.libc.syncfs(descriptor))
    finally:
        os.close(descriptor)


agent.CALLS.update(
    run_apart=call_run_apart, launch=call_launch, ended=call_ended, walk=call_walk, records=call_records,
    loop=call_loop, piece=call_piece, sync=call_sync,
)  # fmt: skip

if __name__ == "__main__":
    agent.main(sys.argv)
