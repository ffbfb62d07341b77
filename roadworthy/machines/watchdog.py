"""The run's end of the watchdog: a process beside pytest that knows who of a run is alive, stopped or gone.

A thread would not do: it stops with pytest, and so cannot tell a run that was stopped from one without a processor,
and it looks at nothing while an extension module holds the interpreter. See watchdog_process.py for what it does.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from roadworthy.clock import LATE, running
from roadworthy.programs import ENVIRONMENT, tied

PROCESS = Path(__file__).with_name("watchdog_process.py")
#: Seconds that it may take to answer; it looks at the whole process table first.
ANSWER = 10.0
#: Seconds without a processor, as on a host that was suspended, that explain why a check broke.
STARVED = 5.0

#: Which ends of a process are trouble: any, one by a signal, one by a signal that others send, or none.
Ends = Literal["any", "signal", "outside", "none"]
OUTSIDE: Ends = "outside"
NONE: Ends = "none"


@dataclass(frozen=True)
class Watched:
    """A process namespace, by the process id of one of its processes, and the processes in it that have to go on.

    `lasting` names them as /proc/PID/comm does. With those that `end` names the engine ends.
    """

    pid: int
    lasting: Mapping[str, Ends]
    end: tuple[str, ...]


@dataclass(frozen=True)
class Sight:
    """What the watchdog saw since the last look."""

    #: What happened to processes of the engine, which has been ended for it.
    troubles: tuple[str, ...] = ()
    #: Processes of containers that are stopped.
    inside: tuple[str, ...] = ()
    #: Seconds for which the run was stopped, and by which the watchdog itself came latest.
    stopped: float = 0.0
    late: float = 0.0
    #: Threads that no signal ends at the moment, and where in the kernel they sleep.
    asleep: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        """What happened to the engine, or an empty string."""
        return "; ".join(self.troubles)

    def explains(self, silent: bool) -> str:
        """Why a check that broke says nothing about the driver, or an empty string. `silent`: an answer was missing."""
        said = list(self.troubles)
        if self.stopped:
            said.append(f"this run itself was stopped for {self.stopped:.0f} s")
        if silent:
            said += self.inside
        if self.late > STARVED:
            said.append(f"this host gave the run's watchdog no processor for {self.late:.0f} s")
        return "; ".join(said)


class Watchdog:
    """The watchdog of this process, begun with the first thing to watch. It ends with this process at the latest."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting = b""

    def watch(self, name: str, watched: Watched) -> None:
        """Watch an engine, or watch it anew after a start."""
        self._watched[name] = watched
        if self._process is not None:
            self._ask(self._order(name))
            return
        try:
            self._begin()
        except OSError:
            del self._watched[name]
            raise

    def forget(self, name: str) -> None:
        """Watch it no longer, because it ends."""
        if self._watched.pop(name, None) is not None:
            self._ask({"forget": name})

    def look(self, name: str, asleep: bool = False) -> Sight:
        """What happened since the last look; on request also which threads sleep so deeply that no signal ends them."""
        if self._process is None:
            return Sight()
        answer = self._ask({"look": name, "asleep": asleep})
        if answer is None:
            return Sight()
        told = {key: tuple(answer[key]) for key in ("troubles", "inside", "asleep")}
        return Sight(**told, stopped=answer["stopped"], late=answer["late"])

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()  # also if it is stopped
            self._process.communicate()
            self._process = None

    def _begin(self) -> None:
        # The kernel ends it with this process, also if it is stopped and does not see the end of its input.
        words = [sys.executable, "-I", "-S", str(PROCESS), str(os.getpid())]
        self._waiting = b""
        self._process = subprocess.Popen(
            tied(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, start_new_session=True
        )
        for name in self._watched:
            self._answer(self._order(name))

    def _order(self, name: str) -> dict[str, Any]:
        found = self._watched[name]
        return {"watch": name, "pid": found.pid, "lasting": dict(found.lasting), "end": found.end}

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to one request; None if the watchdog was killed or is stopped: then there is a new one.

        Where none can be begun, there is none until the next engine is watched.
        """
        answer = None if self._process is None else self._answer(request)
        if answer is None:
            self.close()
            with suppress(OSError):
                self._begin()
        return answer

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to one request, or None if there is none in time."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        end = running() + ANSWER
        with suppress(OSError):
            os.write(self._process.stdin.fileno(), json.dumps(request).encode() + b"\n")
            while running() < end:
                if not select.select([self._process.stdout], [], [], LATE)[0]:
                    continue
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    break
                self._waiting += data
                if b"\n" in self._waiting:
                    line, self._waiting = self._waiting.split(b"\n", 1)
                    return dict(json.loads(line))
        return None
