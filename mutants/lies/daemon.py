"""Lies about the options of a daemon at its start, and of its command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roadworthy.mutants.lie import Asked, Liar, Lie, lie

#: A driver that every engine has.
OTHER = "vfs"


def told_driver(argv: list[str], driver: str) -> list[str]:
    """The command line with another driver, and without options, which the other driver would refuse."""
    at = argv.index("--storage-driver") + 1
    changed = [*argv[:at], driver, *argv[at + 1 :]]
    while "--storage-opt" in changed:
        option = changed.index("--storage-opt")
        del changed[option : option + 2]
    return changed


@lie("daemon-takes-another-driver")
class TakesAnotherDriver(Lie):
    """A daemon runs another driver than the one it was given, without an error."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        if again:
            return argv
        liar.count()
        return told_driver(argv, OTHER)


@lie("daemon-lacks-drivers")
class LacksDrivers(Lie):
    """A daemon does not have the driver that it is told."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        told = argv[argv.index("--storage-driver") + 1]
        if again or not told:
            return argv
        liar.count()
        return told_driver(argv, f"no-{told}")


@lie("restarted-daemon-takes-another-driver")
class RestartedTakesAnotherDriver(Lie):
    """A daemon that restarts without a driver's name does not check which driver the data root has."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        if not again or argv[argv.index("--storage-driver") + 1]:
            return argv
        liar.count()
        return told_driver(argv, OTHER)


@lie("unknown-options-ignored")
class UnknownOptionsIgnored(Lie):
    """Storage options of daemons and containers are dropped: unknown ones, and sizes of any kind."""

    def starting(self, engine: Any, argv: list[str], again: bool, liar: Liar) -> list[str]:
        if "--storage-opt" not in argv:
            return argv
        liar.count()
        return told_driver(argv, argv[argv.index("--storage-driver") + 1])

    def told(self, asked: Asked) -> Any:
        if asked.matches("POST", "containers", "create"):
            body = asked.body
            if body["HostConfig"].pop("StorageOpt", None):
                asked.ask(body)
        return asked.answer()


@lie("command-takes-a-driver")
class CommandTakesDriver(Lie):
    """docker create accepts a storage driver, and ignores it."""

    def command(self, words: tuple[str, ...], answer: Callable[[], str], liar: Liar) -> str:
        if not any(word.startswith("--storage-driver") for word in words):
            return answer()
        liar.count()
        return f"{'0' * 64}\n"
