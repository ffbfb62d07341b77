"""The controller's end of the conversation with the agent in a container.

One `Exchange` is one agent. It numbers requests, keeps answers apart by process, gives every wait a deadline, and
trusts nothing that comes back: a frame that is over the limit, lacks the nonce, or answers what was not asked is an
error of the harness (`AgentFault`), never a verdict about the driver.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import re
import secrets
import selectors
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from roadworthy.clock import LATE, running
from roadworthy.reports.text import visible

LIMIT = 16 * 1024 * 1024
#: Seconds that a system call may take before it counts as hung.
CALL_DEADLINE = 30.0
#: Seconds in which the agent says where a process of it is; one that sleeps in state D cannot.
WHERE_DEADLINE = 2.0
#: What faulthandler writes for the signal that the agent sends then: its innermost function first, the module last.
STACK = re.compile(
    r'Stack \(most recent call first\):\n  File "[^"\n]*", line (\d+) in (\w+)\n(?:  File .*\n)* .*<module>\n'
)


class AgentFault(Exception):
    """The agent died, sent too much, broke the framing, or failed by itself; this says nothing about the driver."""


class CallHung(Exception):
    """A system call did not return before its deadline. `where` asks the agent in which of its functions that is."""

    def __init__(self, words: str, where: Callable[[], str] = str) -> None:
        super().__init__(words)
        self.where = where


class Pipe(Protocol):
    """What an exchange needs of the stream that the engine opened: the agent's standard input and output."""

    def fileno(self) -> int:
        """A descriptor that is readable when output waits."""
        ...

    def send(self, data: bytes) -> None:
        """Write all of `data` to the agent's standard input."""
        ...

    def receive(self) -> bytes:
        """Some bytes of the agent's standard output; empty at its end. Raises BlockingIOError while there are none."""
        ...

    def complaints(self) -> str:
        """What the agent wrote to its standard error."""
        ...

    def close(self) -> None:
        """Close the stream; the agent sees the end of its input and exits."""
        ...


@dataclass(frozen=True)
class Answer:
    """The answer to one request: a value, an errno, the wait status of a process that died, or the agent's fault."""

    value: Any = None
    errno: int = 0
    died: int | None = None
    fault: str = ""


@dataclass
class Exchange:
    """Requests and answers over one pipe."""

    pipe: Pipe
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    #: The factor of every deadline: how much slower than a plain host the agent's machine is.
    scale: float = 1.0
    _number: int = 0
    _processes: int = 0
    _buffer: bytes = b""
    _answers: dict[int, Answer] = field(default_factory=dict)
    _waiting: dict[int, int] = field(default_factory=dict)  # request: process
    _dead: dict[int, int] = field(default_factory=dict)  # process: wait status
    _broken: str = ""

    def spawn(self, directory: str) -> int:
        """Start a process with the working directory `directory`, and return its number.

        The agent does not answer. A process that cannot begin is dead, and its first call says so.
        """
        self._processes += 1
        self._send({"n": self.nonce, "i": 0, "p": self._processes, "c": "spawn", "a": [directory]})
        return self._processes

    def end(self, process: int) -> None:
        """Kill one process. The agent sends a notice instead of an answer; without an agent the process is dead."""
        with contextlib.suppress(AgentFault):
            self._send({"n": self.nonce, "i": 0, "p": process, "c": "end", "a": []})

    def request(self, process: int, call: str, *arguments: Any) -> int:
        """Send one call without waiting, and return the request's number for `wait`. Raises AgentFault."""
        if process in self._dead:
            raise AgentFault(f"process {process} is dead (status {self._dead[process]}), it cannot call {call}")
        self._number += 1
        self._waiting[self._number] = process
        self._send({"n": self.nonce, "i": self._number, "p": process, "c": call, "a": list(arguments)})
        return self._number

    def wait(self, number: int, seconds: float, what: str) -> Answer:
        """The answer to one request. Raises CallHung after scaled `seconds`, AgentFault if the agent is at fault.

        Seconds in which this process was stopped do not count.
        """
        seconds *= self.scale
        deadline = running() + seconds
        late = False
        while number not in self._answers:
            process = self._waiting[number]
            if process in self._dead:
                self._waiting.pop(number)
                return Answer(died=self._dead[process])
            left = deadline - running()
            waits = not late and self._readable(min(left, LATE))
            if late or (left <= 0 and not waits):
                raise CallHung(f"{what} did not return within {seconds:g} s", partial(self.where, process))
            if not waits:
                continue
            late = left <= 0  # waiting output is still read, but other output does not move the deadline
            try:
                self._take(self.pipe.receive())
            except BlockingIOError:
                continue
            except OSError as reason:
                raise self._fault(f"the agent's output cannot be read ({reason})") from None
        self._waiting.pop(number)
        answer = self._answers.pop(number)
        if answer.fault:
            raise AgentFault(answer.fault)
        return answer

    def where(self, process: int) -> str:
        """The agent's function in which a process is that does not answer, in words; empty if it does not say so."""
        told = len(self.pipe.complaints())
        self._send({"n": self.nonce, "i": 0, "p": process, "c": "where", "a": []})
        deadline = running() + WHERE_DEADLINE * self.scale
        while not (found := STACK.search(self.pipe.complaints(), told)):
            left = deadline - running()
            if left <= 0:
                return ""
            if self._readable(min(left, 0.1)):
                with contextlib.suppress(BlockingIOError):
                    self._take(self.pipe.receive())
        return f"the agent is in {found[2]}(), line {found[1]} of its program"

    def close(self) -> None:
        self.pipe.close()

    def _send(self, message: dict[str, Any]) -> None:
        if self._broken:
            raise AgentFault(self._broken)
        body = json.dumps(message, default=_as_base64).encode()
        if len(body) > LIMIT:
            raise AgentFault(f"a request of {len(body)} bytes is over the limit of {LIMIT}")
        try:
            self.pipe.send(struct.pack(">I", len(body)) + body)
        except OSError as reason:
            raise self._fault(f"the agent's input is closed ({reason})") from None

    def _readable(self, seconds: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self.pipe.fileno(), selectors.EVENT_READ)
            return bool(selector.select(max(0.0, seconds)))

    def _take(self, data: bytes) -> None:
        if not data:
            raise self._fault("the agent died")
        self._buffer += data
        while len(self._buffer) >= 4:
            (length,) = struct.unpack(">I", self._buffer[:4])
            if length > LIMIT:
                raise self._fault(f"the agent announced a frame of {length} bytes, the limit is {LIMIT}")
            if len(self._buffer) < 4 + length:
                return
            body, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
            self._accept(body)

    def _accept(self, body: bytes) -> None:
        try:
            message = json.loads(body, object_hook=_from_base64)
        except (ValueError, RecursionError) as reason:
            raise self._fault(f"the agent sent a frame that is not JSON ({reason})") from None
        if not isinstance(message, dict) or message.get("n") != self.nonce:
            raise self._fault("the agent sent a frame without this run's nonce")
        process = message.get("p")
        if isinstance(message.get("d"), int) and isinstance(process, int):
            self._dead[process] = message["d"]
            return
        number = message.get("i")
        if not isinstance(number, int) or self._waiting.get(number) != process or number in self._answers:
            raise self._fault(f"the agent answered request {number!r} of process {process!r}, which was not asked")
        if "x" in message:
            self._answers[number] = Answer(fault=f"the agent failed in request {number}: {visible(str(message['x']))}")
            return
        refused = message.get("e", 0)
        if not isinstance(refused, int):
            raise self._fault(f"the agent answered request {number} with errno {refused!r}")
        self._answers[number] = Answer(message.get("r"), refused)

    def _fault(self, text: str) -> AgentFault:
        """Make an AgentFault with the agent's error output; from now on this exchange raises only it."""
        # A runtime that cannot start the agent says so on the agent's standard output.
        complaint = (self._buffer[:500].decode(errors="backslashreplace") + self.pipe.complaints()).strip()
        self._broken = f"{text}; it said: {visible(complaint[-2000:])}" if complaint else text
        return AgentFault(self._broken)


def _as_base64(data: object) -> dict[str, str]:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"{type(data).__name__} cannot travel to the agent")
    return {"b": binascii.b2a_base64(data, newline=False).decode()}


def _from_base64(found: dict[str, Any]) -> Any:
    return binascii.a2b_base64(found["b"]) if set(found) == {"b"} and isinstance(found["b"], str) else found
