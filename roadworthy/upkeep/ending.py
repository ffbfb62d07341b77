"""The signals that ask a run to end: each of them ends it in order, so that what it made is undone."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

#: As kill(1), a closed terminal, and Ctrl-\ send them. Python makes an exception of SIGINT itself.
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def at_ending(
    handler: Callable[[int, Any], None], signals: Sequence[signal.Signals] = ENDING
) -> dict[signal.Signals, Any]:  # fmt: skip
    """Call `handler` at each of these signals, and return the handlers until now.

    A signal that is ignored from the start, as SIGHUP is below nohup(1), stays ignored.
    """
    before = {number: signal.getsignal(number) for number in signals}
    heard = {number: one for number, one in before.items() if one is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, handler)
    return heard
