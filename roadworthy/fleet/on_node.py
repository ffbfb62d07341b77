"""How a worker begins on a node: with the suite that was unpacked there, and then as every worker of pytest-xdist.

execnet sends this file's text to a fresh Python of the node. pytest-xdist would give it the search path of the process
that conducts the run, which means nothing on another host.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

#: The key of `workerinput` for the directory with the suite. It is written here because nothing can be imported before.
PLACE = "roadworthy_place"


class Given:
    """A channel whose first message was received already, and changed."""

    def __init__(self, channel: Any, first: Any) -> None:
        self._channel = channel
        self._first = [first]

    def receive(self, *timeout: float) -> Any:
        return self._first.pop() if self._first else self._channel.receive(*timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


def begin(channel: Any) -> None:
    """Become a worker."""
    values, words, _, _ = channel.receive()
    os.chdir(values[PLACE])
    sys.path.insert(0, values[PLACE])
    first: Any = (values, words, {}, list(sys.path))
    found = importlib.util.find_spec("xdist")  # not imported: pytest rewrites the assertions of plugins
    assert found
    assert found.origin
    remote = Path(found.origin).with_name("remote.py")
    code = compile(remote.read_text(), str(remote), "exec")
    exec(code, {"__name__": "__channelexec__", "channel": Given(channel, first)})


if __name__ == "__channelexec__":
    begin(channel)  # type: ignore[name-defined]  # noqa: F821
