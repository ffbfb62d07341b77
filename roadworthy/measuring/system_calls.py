"""Counts system calls with strace(1) while nothing is timed, because a tracer makes every call many times slower.

The calls of a process in a container are the requested work. The calls of the engine, and of a driver that serves
files from its own process, are the work that the driver makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import Toolbox
from roadworthy.deadline import wait_until
from roadworthy.machines.place import Place, Program
from roadworthy.programs import ProgramFailed
from roadworthy.supplies.packages import needs

#: Counted, but not part of the total: their number depends on the clock, the scheduler and a program's memory, not on
#: its work on files.
OF_NO_FILE = """
    brk mmap munmap mremap mprotect madvise mincore futex nanosleep clock_nanosleep clock_gettime gettimeofday select
    pselect6 poll ppoll epoll_wait epoll_pwait epoll_ctl sched_yield sched_getaffinity restart_syscall wait4 waitid
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill getpid gettid getrusage clone clone3 vfork fork
    set_robust_list rseq getrandom timer_settime timer_create timer_delete
"""
ASIDE = frozenset(OF_NO_FILE.split())
#: The calls of fio on its file; its other calls are not part of the job.
INPUT_OUTPUT = ("pread64", "pwrite64", "io_submit", "fsync", "fdatasync", "msync")
#: The process group of the daemon and its containerd.
ENGINE = "the engine"
#: List the processes of this name, one a line.
NAMED = 'cd /proc; grep -lFx -- "$1" [0-9]*/comm 2>/dev/null || true'
#: Write the process id to a file, then exec a program.
NOTED = 'echo $$ >"$1"; shift; exec "$@"'
#: Seconds for a tracer to attach, to detach, and for the traced work.
PATIENCE, LETS_GO, TRACED = 30.0, 10.0, 300.0
WORDS = ("-f", "-c", "-o")


class NotCounted(Exception):
    """System calls cannot be counted; the text says why."""


class NotAsked(Exception):
    """No system calls need to be counted here."""


class SystemCalls:
    """Counts system calls while `counting` is true. Counts are by process group and call name."""

    def __init__(
        self, place: Place, toolbox: Toolbox, report: str, daemon: Callable[[], int], server: str = "",
        timed: bool = True,
    ) -> None:  # fmt: skip
        """`report` is a file that processes in containers may write, `daemon` returns the engine's process id.

        `server` is the name of the driver's own processes, or empty. The calls of a process only show that a ratio of
        times compares equal work. If times are not `timed` and there is no server, these calls are not counted, because
        under emulation a tracer takes several times as long as all other measurements.
        """
        self.counting = False
        #: Whether the engine's work is measured.
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
        """Count instead of time while the block runs.

        Raises NotCounted if strace is missing, and NotAsked if neither processes nor the engine are to be counted.
        """
        if not self._processes and not self.engine_works:
            raise NotAsked
        if "strace" not in self._toolbox.programs:
            raise NotCounted(needs("strace"))
        self.counting = True
        try:
            yield
        finally:
            self.counting = False

    def of_process(
        self, process: Process, rows: Sequence[Sequence[object]] = (), argv: Sequence[str] = (),
        directory: str | None = None,
    ) -> dict[str, dict[str, int]]:  # fmt: skip
        """Make calls or run a program in a container's directory; count calls of the process and the driver's server.

        Raises NotCounted.
        """
        with self._of(self._named(self._server) if self._server else []) as served:
            tracer = self._toolbox.command("strace", *WORDS, self._report)
            refusal = process.counted(tracer, rows, argv, TRACED, directory)
        if refusal:
            raise NotCounted(refusal)
        found = {"": parsed(process.load(self._report).decode())}
        return {**found, self._server: served} if self._server else found

    def beside(self, argv: Sequence[str]) -> dict[str, dict[str, int]]:
        """Run a program on the machine itself, and count its calls. Raises ProgramFailed."""
        report = self._place.runtime / "calls"
        self._place.run([*self._tracer(), *WORDS, str(report), *argv], TRACED)
        return {"": parsed(self._place.path(report).read_text())}

    @contextmanager
    def of_engine(self) -> Iterator[dict[str, dict[str, int]]]:
        """Count calls of the daemon and its containerd while the block runs; nothing in a block that counts already.

        Raises NotCounted.
        """
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
        """The ids of the machine's processes with this name."""
        return [line.partition("/")[0] for line in self._place.run(["sh", "-c", NAMED, "sh", name]).split()]

    @contextmanager
    def _of(self, listed: Sequence[str]) -> Iterator[dict[str, int]]:
        """Count calls of these processes and their children while the block runs. Raises NotCounted."""
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
        """Detach the tracer, unless it has ended with the last of its processes.

        strace 6.1 waits for ever if a process has just called vfork(2): the parent cannot stop before its child has
        exec'd, and the child is stopped by strace. It is killed then, and its processes run on, see ptrace(2). Raises
        NotCounted, because its table is lost.
        """

        def signalled(name: str) -> None:
            with suppress(ProgramFailed):
                self._place.run(["sh", "-c", 'kill -s "$2" "$(cat "$1")"', "sh", str(mark), name])
            wait_until(lambda: running.poll() is not None, LETS_GO * self._place.scale, "a tracer to let go")

        try:
            signalled("INT")
        except TimeoutError:
            signalled("KILL")
            raise NotCounted(f"the tracer did not let go of its processes within {LETS_GO:g} s") from None

    def _wait(self, done: Callable[[], bool]) -> None:
        wait_until(done, PATIENCE * self._place.scale, "a tracer")

    def _seen(self, log: Path) -> int:
        """How many processes the tracer has attached to, or has found to be gone."""
        said = self._said(log)
        return said.count(" attached") + said.count("attach: ptrace(")

    def _said(self, log: Path) -> str:
        path = self._place.path(log)
        return path.read_text() if path.exists() else ""


def parsed(summary: str) -> dict[str, int]:
    """Calls by name, from the fourth column of the table that `strace -c` writes."""
    rows = [line.split() for line in summary.splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) in (5, 6) and row[3].isdigit() and row[-1] != "total"}


def total(calls: Mapping[str, int]) -> int:
    """The number of calls that belong to the work."""
    return sum(count for name, count in calls.items() if name not in ASIDE)


def of_fio(calls: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """The calls without those of fio that are not part of its job."""
    mine = {name: count for name, count in calls[""].items() if name in INPUT_OUTPUT}
    return {**calls, "": mine}


def metric_of(timed: str, whose: str) -> str:
    """The name of a count of system calls, from the name of the timed metric."""
    name = f"system calls{timed.removeprefix('time')}" if timed.startswith("time ") else f"system calls, {timed}"
    return f"{name}, {whose}" if whose else name
