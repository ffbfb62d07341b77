"""The options by which commands name lanes: the axes of a matrix, as pytest takes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

import roadworthy.command.mistakes  # noqa: F401 - usage errors end with pytest's exit status
from roadworthy.engines.dockerd import installed_engine
from roadworthy.lane.lanes import Lane, LaneError
from roadworthy.lane.matrix_file import lanes_named
from roadworthy.machines.host import Host

Command = TypeVar("Command", bound=Callable[..., Any])
#: Each with its form and its help. An option takes several names, by a comma or by repetition.
AXES = (
    ("--driver", "NAME[,NAME]", "Storage drivers; this and the next options mean the same as for pytest."),
    ("--backing", "NAME[,NAME]", "File systems under the data root."),
    ("--engine", "NAME|PATH|NAME=PATH", "Engines."),
    ("--kernel", "SERIES|PATH", "Kernels."),
    ("--driver-opt", "KEY=VALUE", "Storage options of the daemon."),
    ("--kernel-opt", "MODULE.PARAMETER=VALUE", "Module parameters of kernels that boot."),
    ("--mode", "NAME[,NAME]", "As whom engines run."),
)


def axes(command: Command) -> Command:
    """Give a command the options of all axes."""
    for name, metavar, said in reversed(AXES):
        command = click.option(name, multiple=True, metavar=metavar, help=said)(command)
    return command


def lane_named(named: Mapping[str, tuple[str, ...]]) -> Lane:
    """The one lane that the options name. Raises UsageError."""
    given = defaultdict(tuple, named)
    if not given["driver"]:
        raise click.UsageError("name a storage driver, as in --driver=overlay2")
    try:
        lanes = lanes_named(given, None, installed_engine(), Host().kernel)
    except LaneError as reason:
        raise click.UsageError(str(reason)) from None
    if len(lanes) != 1:
        ids = ", ".join(lane.id for lane in lanes)
        raise click.UsageError(f"expected one lane, got {len(lanes)}: {ids}")
    return lanes[0]
