"""Files that the controller puts into a guest: its init, its agent, its relay, and the settings of this boot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadworthy.calls.toolbox import AGENT

HERE = Path(__file__).parent
RELAY = HERE / "relay.py"
#: Where the files lie in the guest's root. Not below /run, on which the guest's init mounts a fresh tmpfs.
HOME = "/usr/lib/roadworthy"
INIT = f"{HOME}/guest_init.py"


def parcel(settings: Mapping[str, Any]) -> dict[str, bytes]:
    """The files by their path in the guest's root. The guest's own interpreter, 3.9 or newer, runs them."""
    files = {
        "guest_init.py": HERE / "init.py",
        "guest_agent.py": HERE / "agent.py",
        "relay.py": RELAY,
        "agent.py": AGENT,
    }
    packed = {f"{HOME}/{name}": path.read_bytes() for name, path in files.items()}
    packed[f"{HOME}/settings.json"] = json.dumps(dict(settings)).encode()
    return packed
