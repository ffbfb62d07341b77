"""The command `roadworthy explore`."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path

import click

from roadworthy.command.axes import axes, lane_named
from roadworthy.command.mistakes import Amount
from roadworthy.explorer.operations import PROCESSES, Sequence, sequence_from_json
from roadworthy.reports.bounded import read_bounded
from roadworthy.supplies.apt import ACCEPT_EXPIRED

#: The most bytes of an explorer.jsonl that is read.
REPLAYED = 256 << 20


@click.command()
@axes
@click.option(
    ACCEPT_EXPIRED, "accept_expired", is_flag=True, help="Accept a suite whose Release file is past its date."
)
@click.option(
    "--minutes", type=Amount(min=0, min_open=True), default=5.0, show_default=True, help="How long to search."
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="The seed to draw from; the same seed draws the same sequences."
)
@click.option(
    "--processes", type=click.IntRange(1, len(PROCESSES)), default=len(PROCESSES), show_default=True,
    help="The highest number of processes in a sequence: root's, another of root's, an ordinary user's.",
)  # fmt: skip
@click.option(
    "--bundle", type=click.Path(file_okay=False, path_type=Path),
    help="A new directory for explorer.jsonl and the findings' checks and reproducers. Default: bundles/explore-RUN.",
)  # fmt: skip
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Do not search: run the sequences of this explorer.jsonl once, and print what differs.",
)  # fmt: skip
def explore(
    accept_expired: bool, minutes: float, seed: int | None, processes: int, bundle: Path | None, replay: Path | None,
    **named: tuple[str, ...],
) -> None:  # fmt: skip
    """Search a storage driver for divergences that no check names.

    Random sequences of system calls by one to three processes run step by step on a tree of an image and on the same
    tree on a plain volume, in one container. Answers, data, attributes, listings and the trees at the end are compared.
    A difference that a deviation records is printed with its id; any other is shrunk to the shortest sequence that
    shows it, and printed as a check and as a reproducer in shell or C.

    With --driver=native both trees lie on the volume, and nothing may differ.

    Exit status: 0 if every difference is recorded, 1 for a new divergence, 3 for an error that is not the driver's, 4
    for a mistake on the command line.
    """
    lane = lane_named(named)
    replayed = sequences_of(replay) if replay else []
    if bundle is not None and bundle.is_dir() and any(bundle.iterdir()):
        raise click.UsageError(f"--bundle: {bundle} is not empty; name a new directory")
    from roadworthy.explorer.search import searched

    directory = bundle or Path("bundles") / f"explore-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    seed = secrets.randbelow(10**6) if seed is None else seed
    code = searched(lane, accept_expired, directory, seed, processes, minutes * 60, replayed)
    if code:
        raise SystemExit(code)


def sequences_of(path: Path) -> list[Sequence]:
    """The sequences of the findings in an explorer.jsonl. Raises UsageError."""
    found = []
    try:
        text = read_bounded(path, REPLAYED).decode(errors="replace")
    except OSError as reason:
        raise click.UsageError(f"--replay: {path}: {reason.strerror}") from None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            record = json.loads(line)
            if isinstance(record, dict) and "sequence" in record:
                found.append(sequence_from_json(record["sequence"]))
        except (ValueError, RecursionError) as reason:
            raise click.UsageError(f"--replay: {path}:{number}: {reason}") from None
    if not found:
        raise click.UsageError(f"--replay: {path} holds no sequence; name the explorer.jsonl of a search with findings")
    return found
