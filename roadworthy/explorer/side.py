"""One of the two sides of a sequence: its processes, and the descriptors and addresses that they got."""

from __future__ import annotations

from typing import Any

from roadworthy.calls.exchange import CALL_DEADLINE, Exchange
from roadworthy.explorer.operations import PAGE, PROCESSES, USER, Operation, Request
from roadworthy.explorer.seen import Numbers


class Side:
    """The processes of one side, and the descriptors and addresses that they got."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.directory = "/"
        self.processes: dict[int, int] = {}
        self.descriptors: dict[tuple[int, int], int] = {}
        self.mappings: dict[tuple[int, int], int] = {}
        #: What slots held before they were filled again; released at the end, too.
        self.replaced: list[tuple[int, Request]] = []
        self.numbers = Numbers()
        self._owed: list[int] = []

    def process(self, which: int) -> int:
        """The agent's number of a process, which is started at its first use."""
        if which not in self.processes:
            self.processes[which] = self.exchange.spawn(self.directory)
            if which == len(PROCESSES) - 1:
                self.exchange.wait(self.send(which, ("become", (USER, USER))), CALL_DEADLINE, "become")
        return self.processes[which]

    def enter(self, directory: str) -> None:
        """Change the directory of all processes; those that start later begin in it."""
        for number in self._owed:
            self.exchange.wait(number, CALL_DEADLINE, "the end of the sequence before")
        self.directory = directory
        self._owed = [self.send(which, ("chdir", (directory,))) for which in self.processes]

    def owe(self, number: int) -> None:
        """Do not wait for the answer to this request now, but before the next sequence."""
        self._owed.append(number)

    def send(self, which: int, request: Request) -> int:
        call, arguments = request
        return self.exchange.request(self.process(which), call, *arguments)

    def request(self, operation: Operation) -> Request | None:
        """The request to the agent for an operation; None if its slot is empty."""
        form, arguments = operation.form, operation.arguments
        key = (operation.process, operation.slot or 0)
        if form.on_descriptor or form.on_mapping:
            held = (self.mappings if form.on_mapping else self.descriptors).get(key)
            return None if held is None else form.request(held, *arguments)
        return form.request(*arguments)

    def took(self, operation: Operation, value: Any) -> None:
        """Remember what a successful operation made or released."""
        match operation.form.makes, operation.name:
            case "descriptor", _:
                self._fill(self.descriptors, operation, int(value), "close")
            case "mapping", _:
                self._fill(self.mappings, operation, int(value), "munmap", PAGE)
            case _, "close":
                self.descriptors.pop((operation.process, operation.slot or 0), None)
            case _, "unmap":
                self.mappings.pop((operation.process, operation.slot or 0), None)

    def _fill(
        self, slots: dict[tuple[int, int], int], operation: Operation, value: int, release: str, *more: int
    ) -> None:
        key = (operation.process, operation.into or 0)
        if key in slots:
            self.replaced.append((operation.process, (release, (slots[key], *more))))
        slots[key] = value

    def lost(self, which: int) -> None:
        """Forget a process that died, with all that it held."""
        self.processes.pop(which, None)
        for held in (self.descriptors, self.mappings):
            for key in [key for key in held if key[0] == which]:
                del held[key]
        self.replaced = [(owner, request) for owner, request in self.replaced if owner != which]

    def release(self) -> None:
        """Send the requests that release everything that is still held."""
        for (which, _), at in self.mappings.items():
            self.owe(self.send(which, ("munmap", (at, PAGE))))
        for (which, _), number in self.descriptors.items():
            self.owe(self.send(which, ("close", (number,))))
        for which, request in self.replaced:
            self.owe(self.send(which, request))
        self.replaced.clear()
        self.descriptors.clear()
        self.mappings.clear()
        self.numbers = Numbers()
