"""The watchdog of one run: a process that sees who of the run is alive, stopped or gone. Run by path; standard library.

It looks at the run itself, and at every process in the process namespaces that it is told. An engine that lost one of
its processes, or of which one stays stopped, cannot be trusted, and whoever waits for its answer would wait for
nothing: the watchdog ends such an engine at once, by SIGKILL, and says why when the run asks. The run starts it again.

Requests and answers are lines of JSON.

    {"watch": name, "pid": P, "lasting": {comm: ends}, "end": [comm]}   watch P's process namespace and those below it
    {"forget": name}                                                    nothing there is of interest any more
    {"look": name, "asleep": true}                                      what happened since the last look, see `look`

`lasting` names the processes that outlive a request, and which of their ends are trouble: `any`; `signal`, one by a
signal; `outside`, one by a signal that others send; `none`. `end` names those with which the engine ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import sys
import time
from typing import Any

TICK = 0.5
#: Seconds for which a process of an engine may be stopped.
GRACE = 2.0
#: Seconds by which this process may come late, and for which the run may be stopped, without a word.
SLIGHT = 1.0
#: Seconds after which a process has its own name: until it executes a program, a fork has that of its parent.
NAMED = 0.5
#: How many functions of the kernel are told of a thread that sleeps there.
FRAMES = 5
NS_GET_PARENT = 0xB702  # ioctl_ns(2)
#: ioctl(2) on a descriptor of pidfd_open(2): how a process ended, from Linux 6.15 on; see <linux/pidfd.h>.
PIDFD_GET_INFO, PIDFD_INFO_EXIT, PIDFD_INFO_SIZE, EXIT_CODE_AT = 0xC040FF0B, 8, 64, 60
#: Signals that others send, and no fault of the process itself.
OUTSIDE = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL}


class Watched:
    """A process namespace, by one of its processes, and what has to be said of its engine."""

    def __init__(self, pid: int, lasting: dict[str, str], end: list[str]) -> None:
        self.space = space_of(pid)
        self.lasting = lasting
        self.end = end
        self.troubles: list[str] = []
        #: Whether the engine has been ended; what follows from that is no news.
        self.over = False


class Process:
    """A process that is watched, by its number on this host."""

    def __init__(self, pid: int, watched: Watched, inside: bool) -> None:
        self.pid = pid
        self.watched = watched
        #: Whether it is in a namespace below the watched one: in a container.
        self.inside = inside
        self.comm = ""
        self.parent = self.started = 0
        self.descriptor = -1
        self.stopped_since: float | None = None

    @property
    def lasting(self) -> bool:
        return self.comm in self.watched.lasting and not self.inside

    @property
    def age(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / os.sysconf("SC_CLK_TCK")


def space_of(pid: int | str) -> int | None:
    """The identity of a process's process namespace."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return None


def spaces_above(pid: int) -> list[int]:
    """The identities of a process's process namespace and of those above it, as far as this process may see."""
    found: list[int] = []
    try:
        descriptor = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
    except OSError:
        return found
    while True:
        found.append(os.fstat(descriptor).st_ino)
        try:
            above = fcntl.ioctl(descriptor, NS_GET_PARENT)
        except OSError:
            return found
        finally:
            os.close(descriptor)
        descriptor = above


def status(pid: int) -> tuple[str, list[str]] | None:
    """The name of a process, and the fields of proc_pid_stat(5) from the third on."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    head, _, tail = text.rpartition(")")
    return head.partition("(")[2], tail.split()


def sleeping(pid: int) -> list[tuple[int, str]]:
    """The threads of a process that are in state D, each with the innermost of the kernel's functions that it is in."""
    try:
        threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []
    return [(thread, stack(thread)) for thread in threads if (found := status(thread)) and found[1][0] == "D"]


def stack(thread: int) -> str:
    """The innermost functions of the kernel in which a thread is, see proc_pid_stack(5)."""
    try:
        with open(f"/proc/{thread}/stack", "rb") as file:
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        lines = []
    return " < ".join(line.split()[-1].partition("+")[0] for line in lines[:FRAMES]) or "the kernel"


def exit_status(descriptor: int) -> int | None:
    """The wait status of a process that its parent has waited for, where the kernel keeps it."""
    answer = bytearray(struct.pack("=Q", PIDFD_INFO_EXIT) + bytes(PIDFD_INFO_SIZE - 8))
    try:
        fcntl.ioctl(descriptor, PIDFD_GET_INFO, answer)
    except OSError:
        return None
    (mask,) = struct.unpack_from("=Q", answer)
    return int(struct.unpack_from("=i", answer, EXIT_CODE_AT)[0]) if mask & PIDFD_INFO_EXIT else None


class Watchdog:
    """Watches for the process `run`."""

    def __init__(self, run: int) -> None:
        self.run = run
        self.watched: dict[str, Watched] = {}
        #: Every process of the host; None for one that is not watched.
        self.known: dict[int, Process | None] = {}
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN)
        self.ticked = time.monotonic()
        #: Seconds by which this process came latest, and for which the run was stopped, since the last look.
        self.late = self.stopped = 0.0
        self.stopped_since: float | None = None

    def processes(self) -> list[Process]:
        return [process for process in self.known.values() if process is not None]

    # --- what it is told

    def serve(self) -> None:
        waiting = b""
        while True:
            ready = {descriptor for descriptor, _ in self.poll.poll(TICK * 1000)}
            self.tick()
            if 0 not in ready:
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                os.write(1, json.dumps(self.answer(json.loads(line))).encode() + b"\n")

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "look" in asked:
            return {**self.look(asked["look"]), "asleep": self.asleep(asked["look"]) if asked.get("asleep") else []}
        if "forget" in asked:
            self.forget(asked["forget"])
            return {}
        self.forget(asked["watch"])
        self.watched[asked["watch"]] = Watched(asked["pid"], asked["lasting"], asked["end"])
        self.known = {process.pid: process for process in self.processes()}
        self.tick()
        return {}

    def forget(self, name: str) -> None:
        gone = self.watched.pop(name, None)
        for process in self.processes():
            if process.watched is gone:
                self.release(process)
                self.known[process.pid] = None

    def look(self, name: str) -> dict[str, Any]:
        """What happened since the last look: troubles of the engine, processes of containers that are stopped, and the
        seconds for which the run was stopped and by which this process came latest.
        """
        self.tick()
        if self.stopped_since is not None:  # the run asks, so it has been continued
            self.stopped += time.monotonic() - self.stopped_since
            self.stopped_since = None
        stopped, late, self.stopped, self.late = self.stopped, self.late, 0.0, 0.0
        answer = {"troubles": [], "inside": [], "stopped": stopped if stopped > SLIGHT else 0.0, "late": late}
        watched = self.watched.get(name)
        if watched is not None:
            answer["troubles"], watched.troubles = watched.troubles, []
            answer["inside"] = [
                f"{process.comm} {process.pid} in a container of the lane is stopped (state T)"
                for process in self.processes()
                if process.watched is watched and process.inside and process.stopped_since is not None
            ]
        return answer

    def asleep(self, name: str) -> list[str]:
        """The threads of an engine and its containers that sleep in state D, in which no signal ends them, and where
        in the kernel they do.
        """
        watched = self.watched.get(name)
        return [
            f"{process.comm} {thread} sleeps in {where} (state D)"
            for process in self.processes()
            if watched is not None and process.watched is watched
            for thread, where in sleeping(process.pid)
        ]

    # --- what it sees

    def tick(self) -> None:
        now = time.monotonic()
        if now - self.ticked > TICK + SLIGHT:
            self.late = max(self.late, now - self.ticked)
        self.ticked = now
        found = status(self.run)
        if found and found[1][0] == "T":
            self.stopped_since = self.stopped_since or now
        elif self.stopped_since is not None:
            self.stopped += now - self.stopped_since
            self.stopped_since = None
        if self.watched:
            self.scan(now)

    def scan(self, now: float) -> None:
        listed = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for pid in listed - self.known.keys():
            self.known[pid] = self.placed(pid)
        for pid in self.known.keys() - listed:
            process = self.known.pop(pid)
            if process is not None:
                self.ended(process)
        for process in self.processes():
            self.examine(process, now)

    def placed(self, pid: int) -> Process | None:
        """A new process, if it is watched."""
        own = space_of(pid)
        if own is None or own == space_of("self"):
            return None
        spaces = spaces_above(pid)
        for watched in self.watched.values():
            if watched.space in spaces:
                return Process(pid, watched, own != watched.space)
        return None

    def examine(self, process: Process, now: float) -> None:
        found = status(process.pid)
        if found is None:
            return  # the next look does not find it any more
        process.comm, fields = found
        process.parent, process.started = int(fields[1]), int(fields[19])
        if fields[0] == "Z":
            self.ended(process, int(fields[49]))
            return
        if process.lasting and process.descriptor < 0 and process.age > NAMED:
            process.descriptor = os.pidfd_open(process.pid)
            self.poll.register(process.descriptor, select.POLLIN)
        if fields[0] != "T":
            process.stopped_since = None
            if process.lasting:
                self.go_on(process.parent)
        elif process.stopped_since is None:
            process.stopped_since = now
        elif process.lasting and now - process.stopped_since > GRACE:
            self.trouble(process, "was stopped (state T)")

    def ended(self, process: Process, code: int | None = None) -> None:
        """Judge the end of a process, once; `code` is its wait status, if that is known."""
        if process.descriptor < 0:
            return
        if code is None:
            code = exit_status(process.descriptor)
        self.release(process)
        number = 0 if code is None else code & 0x7F
        ends = process.watched.lasting[process.comm]
        if ends == "any" or (ends == "signal" and number) or (ends == "outside" and number in OUTSIDE):
            how = f"was killed by signal {number}" if number else "ended" + (f" with {code >> 8}" if code else "")
            self.trouble(process, how)

    def release(self, process: Process) -> None:
        if process.descriptor >= 0:
            self.poll.unregister(process.descriptor)
            os.close(process.descriptor)
            process.descriptor = -1

    # --- what it does

    def trouble(self, process: Process, how: str) -> None:
        """Note what happened to a process of an engine, and end the engine."""
        watched = process.watched
        if watched.over:
            return
        watched.over = True
        watched.troubles.append(f"{process.comm} {process.pid} of the lane {how}")
        for other in self.processes():
            stopped = other.stopped_since is not None
            if other.watched is watched and not other.inside and (other.comm in watched.end or stopped):
                self.kill(other)

    def kill(self, process: Process) -> None:
        found = status(process.pid)
        if found is None or int(found[1][19]) != process.started:
            return
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.go_on(process.parent)

    def go_on(self, pid: int) -> None:
        """Continue an nsenter(1) that is stopped: it stops itself with the program below it, and then reaps nothing."""
        found = status(pid)
        if found and found[0] == "nsenter" and found[1][0] == "T":
            os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, whose end is the end of the input
    Watchdog(int(sys.argv[1])).serve()
