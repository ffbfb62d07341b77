"""System calls, counted by strace(1) while nothing is timed, as a tracer makes every call many times as slow.

Of a process in a container they are the work that was asked for. Of the engine, and of a driver that serves files from
a process of its own, they are what the driver makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import PROGRAMS, Toolbox
from roadworthy.deadline import wait_until
from roadworthy.machines.place import Place, Program
from roadworthy.programs import ProgramFailed

#: Counted with the others and not in the total: how many there are is a matter of the clock, of the scheduler and of
#: a program's memory, and not of what it does to files.
OF_NO_FILE = """
    brk mmap munmap mremap mprotect madvise mincore futex nanosleep clock_nanosleep clock_gettime gettimeofday select
    pselect6 poll ppoll epoll_wait epoll_pwait epoll_ctl sched_yield sched_getaffinity restart_syscall wait4 waitid
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill getpid gettid getrusage clone clone3 vfork fork
    set_robust_list rseq getrandom timer_settime timer_create timer_delete
"""
ASIDE = frozenset(OF_NO_FILE.split())
#: What fio does to its file. All else is about itself and the machine.
INPUT_OUTPUT = ("pread64", "pwrite64", "io_submit", "fsync", "fdatasync", "msync")
#: Whose calls those of the daemon and of its containerd are.
ENGINE = "the engine"
#: The processes of a place that have the name, a line each.
NAMED = 'cd /proc; grep -lFx -- "$1" [0-9]*/comm 2>/dev/null || true'
#: Become a program whose process id is written down first.
NOTED = 'echo $$ >"$1"; shift; exec "$@"'
#: Seconds for a tracer to attach and to let go, and for what it traces.
PATIENCE, TRACED = 30.0, 300.0
WORDS = ("-f", "-c", "-o")


class NotCounted(Exception):
    """No tracer could be had; the text says why."""


class NotAsked(Exception):
    """What would be counted is nobody's question here."""


class SystemCalls:
    """Counts while it is told to; `counting` is whether it is. Counts are by the name of whose they are."""

    def __init__(
        self, place: Place, toolbox: Toolbox, report: str, daemon: Callable[[], int], server: str = "",
        timed: bool = True,
    ) -> None:  # fmt: skip
        """`report` is a file that processes in containers may write, `daemon` answers the engine's process id.

        `server` is what the driver's processes are called, where it has some of its own. Calls of a process show that
        a ratio of times compares like with like: where there is none, as times are not `timed`, they are not counted,
        for under emulation a tracer takes several times as long as all that is measured.
        """
        self.counting = False
        #: Whether the engine is among those whose work is measured.
        self.engine_works = False
        self._place = place
        self._toolbox = toolbox
        self._report = report
        self._daemon = daemon
        self._server = server
        self._processes = timed or bool(server)
        self._busy = False

    @contextmanager
    def instead_of_time(self) -> Iterator[None]:
        """While the block runs, what would be timed is counted.

        Raises NotCounted where strace is missing, and NotAsked where no call of those that work tells anything.
        """
        if not self._processes and not self.engine_works:
            raise NotAsked
        if "strace" not in self._toolbox.programs:
            raise NotCounted(f"needs strace: apt-get install {PROGRAMS['strace']}")
        self.counting = True
        try:
            yield
        finally:
            self.counting = False

    def of_process(
        self, process: Process, rows: Sequence[Sequence[object]] = (), argv: Sequence[str] = (),
        directory: str | None = None,
    ) -> dict[str, dict[str, int]]:  # fmt: skip
        """Make calls or run a program in a container's directory: calls of the process, and of the driver's server."""
        with self._of(self._named(self._server) if self._server else []) as served:
            tracer = self._toolbox.command("strace", *WORDS, self._report)
            refusal = process.counted(tracer, rows, argv, TRACED, directory)
        if refusal:
            raise NotCounted(refusal)
        found = {"": parsed(process.load(self._report).decode())}
        return {**found, self._server: served} if self._server else found

    def beside(self, argv: Sequence[str]) -> dict[str, dict[str, int]]:
        """Run a program on the machine itself."""
        report = self._place.runtime / "calls"
        self._place.run([*self._tracer(), *WORDS, str(report), *argv], TRACED)
        return {"": parsed(self._place.path(report).read_text())}

    @contextmanager
    def of_engine(self) -> Iterator[dict[str, dict[str, int]]]:
        """Of the daemon and its containerd, while the block runs; nothing within a block that counts already."""
        found: dict[str, dict[str, int]] = {}
        if self._busy:
            yield found
            return
        with self._of([str(self._daemon()), *self._named("containerd")]) as calls:
            yield found
        found[ENGINE] = calls

    def _tracer(self) -> list[str]:
        tools = self._place.toolbox(self._toolbox)
        return [f"{tools}/lib/{self._toolbox.loader}", "--library-path", f"{tools}/lib", f"{tools}/bin/strace"]

    def _named(self, name: str) -> list[str]:
        """The process ids of those of the place that have this name."""
        return [line.partition("/")[0] for line in self._place.run(["sh", "-c", NAMED, "sh", name]).split()]

    @contextmanager
    def _of(self, listed: Sequence[str]) -> Iterator[dict[str, int]]:
        """Of these processes, and of those that they start, while the block runs."""
        found: dict[str, int] = {}
        if not listed:
            yield found
            return
        report, log, mark = (self._place.runtime / name for name in ("calls", "strace.log", "strace.pid"))
        for old in (log, mark):
            self._place.path(old).unlink(missing_ok=True)
        which = [word for identity in listed for word in ("-p", identity)]
        tracer = [*self._tracer(), *WORDS, str(report), *which]
        running = self._place.start(["sh", "-c", NOTED, "sh", str(mark), *tracer], log)
        self._busy = True
        try:
            with suppress(TimeoutError):
                self._wait(lambda: running.poll() is not None or self._seen(log) >= len(listed))
            if running.poll() is not None or self._seen(log) < len(listed):
                raise NotCounted(self._said(log).strip()[-500:] or "the tracer does not attach")
            yield found
        finally:
            self._busy = False
            self._end(running, mark)
        found.update(parsed(self._place.path(report).read_text()))

    def _end(self, running: Program, mark: object) -> None:
        """Let the tracer go; one whose processes have all ended is gone already."""
        with suppress(ProgramFailed):
            self._place.run(["sh", "-c", 'kill -INT "$(cat "$1")"', "sh", str(mark)])
        self._wait(lambda: running.poll() is not None)

    def _wait(self, done: Callable[[], bool]) -> None:
        wait_until(done, PATIENCE * self._place.scale, "a tracer")

    def _seen(self, log: Path) -> int:
        """How many processes it is attached to, or has found to be gone."""
        said = self._said(log)
        return said.count(" attached") + said.count("attach: ptrace(")

    def _said(self, log: Path) -> str:
        path = self._place.path(log)
        return path.read_text() if path.exists() else ""


def parsed(summary: str) -> dict[str, int]:
    """Calls by name, from the table that `strace -c` writes; the fourth of its columns has them."""
    rows = [line.split() for line in summary.splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) in (5, 6) and row[3].isdigit() and row[-1] != "total"}


def total(calls: Mapping[str, int]) -> int:
    """All of them that are a matter of the work."""
    return sum(count for name, count in calls.items() if name not in ASIDE)


def of_fio(calls: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """Without what fio does besides its job."""
    mine = {name: count for name, count in calls[""].items() if name in INPUT_OUTPUT}
    return {**calls, "": mine}


def metric_of(timed: str, whose: str) -> str:
    """What a count is called, of what is otherwise timed."""
    name = f"system calls{timed.removeprefix('time')}" if timed.startswith("time ") else f"system calls, {timed}"
    return f"{name}, {whose}" if whose else name
