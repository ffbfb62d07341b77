"""What runs on a node for as long as a run has the node: it unpacks the suite there, answers questions about the host,
and removes what it has unpacked when it is told to end, or when the connection ends.

execnet sends this file's text to the node's Python, which has no suite yet. So it imports the standard library only,
and the suite once that has arrived. A question is a tuple: its name, and what belongs to it.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import signal
import sys
import tempfile
import zipfile
from typing import Any

#: What the suite imports on a node; the wheel does not bring it.
NEEDED = ("pytest", "xdist", "execnet", "pytest_benchmark", "docker", "msgspec", "jinja2", "click")


def unpack(place: str, data: bytes) -> dict[str, Any]:
    """Unpack the wheel into `place`; what this Python is, and what it lacks."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(place)
    sys.path.insert(0, place)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return {"python": list(sys.version_info[:3]), "missing": missing}


def host() -> dict[str, Any]:
    """The host's installed engine and its kernel, as lanes name them."""
    from roadworthy.engines.dockerd import installed_engine
    from roadworthy.machines.host import Host

    engine = installed_engine()
    return {"kind": engine.kind, "series": engine.series, "kernel": Host().kernel}


def unmet(lanes: list[dict[str, Any]]) -> list[str]:
    """For each lane why it cannot run here, or an empty text: what doctor answers."""
    from roadworthy.drivers import DRIVERS
    from roadworthy.lane.can_run import why_not
    from roadworthy.lane.lanes import Lane
    from roadworthy.machines.host import Host

    here = Host()
    return [
        why_not(Lane.from_values(values), here)
        if values["driver"] in DRIVERS
        else f"has no driver {values['driver']}: install what adds it"
        for values in lanes
    ]


def keep(channel: Any) -> None:
    """Answer until the channel is closed from the other side.

    An interrupt of the terminal is for the workers: they clean up with the suite that lies here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    place = tempfile.mkdtemp(prefix="roadworthy-node-")
    try:
        channel.send(place)
        for question, *rest in channel:
            if question == "suite":
                channel.send(unpack(place, *rest))
            elif question == "host":
                channel.send(host())
            elif question == "lanes":
                channel.send(unmet(*rest))
            else:
                channel.send(question)
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__channelexec__":
    keep(channel)  # type: ignore[name-defined]  # noqa: F821
