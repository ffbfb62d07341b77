"""What numbers depend on besides the driver: kernel, engine, tools, machine, how file systems were made.

A number that changed together with one of these is news about the environment, not about the driver. Facts that differ
from run to run by nature (paths, device numbers, space that is used) do not belong to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.records import Benchmark, Count, Lane

Environment = Mapping[str, str]

#: Facts that change by themselves, as paths in a lane's record.
_RESTLESS = re.compile(
    r"kernel\.(tainted|deadlines stretched by)|backing\.(device|pool)|driver\.status\..*|engine\.driver_status\..*"
)
#: Facts of a driver's status that do not change by themselves; the rest of its status is about space and names.
_STATUS = re.compile(
    r"driver\.status\.(Backing Filesystem|Supports d_type|Native Overlay Diff|Using metacopy|userxattr)"
)
_MOUNT = re.compile(r"backing\.mount|container root")
_GIB = 1 << 30


def of_lane(bundle: Bundle, lane: Lane) -> dict[str, str]:
    """Return the facts of a lane in one run, by dotted names; empty if it never came up."""
    records = [record for record in bundle.lanes if record.lane == lane.id and record.state == "ready"]
    return of_facts(lane, records[-1].facts if records else {})


def of_facts(lane: Lane, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts of a lane's record that do not differ from run to run by nature, by dotted names."""
    found = {f"option.{key}": value for key, value in lane.options.items()}
    for name, value in _flat("", facts):
        if _MOUNT.fullmatch(name):
            found[name] = mount_options(str(value))
        elif name == "kernel.command line":  # the clock's frequency is measured anew for each machine that is emulated
            found[name] = re.sub(r"tsc_early_khz=\S+ ?", "", str(value))
        elif name == "host.memory" and isinstance(value, int | float):
            found[name] = f"{value / _GIB:.0f} GiB"
        elif _STATUS.fullmatch(name) or not _RESTLESS.fullmatch(name):
            found[name] = str(value)
    return found


def of_record(record: Benchmark | Count) -> dict[str, str]:
    """Return the facts of the work itself that a number depends on: its options, and how it was analysed."""
    if isinstance(record, Count):
        return {}
    found = {f"workload.{key}": _text(value) for key, value in record.workload.items() if key != "promise"}
    if "version" in record.method:
        found["method.version"] = _text(record.method["version"])
    return found


def differences(before: Environment, after: Environment) -> tuple[str, ...]:
    """Return a sentence for each fact that differs: `kernel.release: 6.12.57 → 6.12.63`."""
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        f"{name}: {before.get(name, 'none')} → {after.get(name, 'none')}"
        for name in names
        if before.get(name) != after.get(name)
    )


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every plain value in nested facts with its dotted name."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _flat(f"{name}.{number}", item)
    else:
        yield name, value


def mount_options(line: str) -> str:
    """Return the file system and options of a line of mountinfo, without options with paths or identifiers.

    What it returned is returned again.
    """
    before, dash, after = line.partition(" - ")
    if not dash:
        rest = line.split()
        options = rest[1].split(",") if len(rest) == 2 else []
    else:
        fields, rest = before.split(), after.split()
        options = [*(fields[5].split(",") if len(fields) > 5 else []), *(rest[2].split(",") if len(rest) > 2 else [])]
    kept = [option for option in options if "/" not in option and not re.match(r"(subvolid|subvol|fd)=", option)]
    return " ".join([*rest[:1], ",".join(dict.fromkeys(kept))])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
