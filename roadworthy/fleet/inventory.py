"""The inventory: the nodes of a fleet, as a TOML file names them.

[[node]]
name = "rack1"
ssh = "root@rack1"                    # what ssh(1) takes, options included

[[node]]
name = "box"
wrapper = "docker exec -i box"        # a command behind which the node's Python is started

[[node]]
name = "here"
local = true                          # this host
slots = 2                             # lanes at once, 1 by default
python = "/opt/suite/bin/python"      # the node's Python, which has what the suite depends on
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.reports.nearest import hint
from roadworthy.reports.toml_file import TomlRefused, read_toml

#: The most bytes of a file that is read.
SIZE_LIMIT = 1 << 20
#: How a node is reached: each has exactly one of them.
TRANSPORTS = ("ssh", "wrapper", "local")
KEYS = ("name", *TRANSPORTS, "python", "slots")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._]*")
#: The most lanes at once on one node; more is a slip of the finger.
MOST_SLOTS = 64


class InventoryError(ValueError):
    """An inventory that cannot be used; the text begins with the file, and the line where there is one."""


@dataclass(frozen=True)
class NodeSpec:
    """One node. `python` is a command; `command` is what starts it from this host, without a shell, if that is not ssh.

    Slots are the lanes that it runs at once.
    """

    name: str
    python: str
    ssh: str = ""
    wrapper: str = ""
    slots: int = 1

    def address(self, identity: str) -> str:
        """execnet's spec of a process on the node that is known by `identity`, see execnet.XSpec."""
        where = f"ssh={self.ssh}//python={self.python}"
        if not self.ssh:
            where = f"popen//python={f'{self.wrapper} {self.python}'.strip()}"
        return f"{where}//id={identity}//execmodel=main_thread_only"


def read_inventory(path: Path) -> list[NodeSpec]:
    """The nodes of an inventory, in its order. Raises InventoryError."""
    try:
        text, tables = read_toml(path, SIZE_LIMIT, "tables of text")
    except TomlRefused as reason:
        raise InventoryError(f"{path}{'' if reason.line is None else f':{reason.line}'}: {reason}") from None
    for name in tables:
        if name != "node":
            raise InventoryError(f"{path}: unknown section {name!r}{hint(name, ['node'])}")
    rows = tables.get("node", [])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InventoryError(f"{path}: names no node: write one as [[node]] with a name, and ssh, wrapper or local")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*node\s*\]\]", line)]
    found: dict[str, NodeSpec] = {}
    for turn, row in enumerate(rows):
        where = f"{path}:{lines[turn]}" if turn < len(lines) else str(path)
        try:
            node = spec(row)
        except ValueError as reason:
            raise InventoryError(f"{where}: {reason}") from None
        if node.name in found:
            raise InventoryError(f"{where}: two nodes are called {node.name}")
        found[node.name] = node
    return list(found.values())


def spec(row: Mapping[str, Any]) -> NodeSpec:
    """One table as a node. Raises ValueError that says what was expected."""
    for key in row:
        if key not in KEYS:
            raise ValueError(f"unknown key {key!r}{hint(key, KEYS)}")
    name = row.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"a node's name is letters, digits, dots and underscores, not {name!r}")
    ways = [key for key in TRANSPORTS if key in row]
    if len(ways) != 1:
        raise ValueError(
            f"node {name} has {' and '.join(ways) or 'no transport'}: give it one of {', '.join(TRANSPORTS)}"
        )
    if "local" in row and row["local"] is not True:
        raise ValueError(f"node {name}: local is true, or left out, not {row['local']!r}")
    for key in ("ssh", "wrapper", "python"):
        if key in row:
            check_words(name, key, row[key])
    slots = row.get("slots", 1)
    if type(slots) is not int or not 1 <= slots <= MOST_SLOTS:
        raise ValueError(f"node {name}: slots is a whole number from 1 to {MOST_SLOTS}, not {slots!r}")
    default = sys.executable if "local" in row else "python3"
    return NodeSpec(name, row.get("python", default), row.get("ssh", ""), row.get("wrapper", ""), slots)


def check_words(name: str, key: str, value: object) -> None:
    """Raise ValueError for a command that execnet would not pass on as it is written."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"node {name}: {key} is a command in one line of text, not {value!r}")
    if "//" in value:
        raise ValueError(f"node {name}: {key} cannot have //, which separates the parts of an address")
    try:
        shlex.split(value)
    except ValueError as reason:
        raise ValueError(f"node {name}: {key}: {reason}: {value}") from None
