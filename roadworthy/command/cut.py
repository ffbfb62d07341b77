"""The command `roadworthy cut`: the flushes of a log that was kept, and the disk as it was at one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from roadworthy.cuts.choice import Cut, flushes, parts
from roadworthy.cuts.kept import Capture, CaptureRefused, read_capture
from roadworthy.cuts.replica import Replica
from roadworthy.machines.write_log import Entry, LogDamaged, WriteLog
from roadworthy.programs import ProgramFailed
from roadworthy.reports.text import counted, visible
from roadworthy.reports.units import amount


@click.command()
@click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--flush", type=int, metavar="N", help="The flush after which the power is cut, as the list numbers it.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="IMAGE",
    help="The new file for the disk as it was at that flush; sparse.",
)  # fmt: skip
@click.option(
    "--part", type=click.IntRange(min=0), metavar="SEED",
    help="Of what was written between that flush and the next one, the disk has a part, too, drawn with this seed.",
)  # fmt: skip
def cut(log: Path, flush: int | None, out: Path | None, part: int | None) -> None:
    """List the flushes of a LOG, or make the disk again as it was at one of them.

    LOG is what a disk was told while the suite cut the power in an operation. `pytest --cuts=20 --keep-logs` keeps it
    in the run's bundle, as cuts/LANE/OPERATION.log, with a file beside it that says what the log is of.

    A power cut leaves what was written before the last flush that was over; of later writes it may leave any part.
    Each line of the list is such a flush. Below it stands what was answered and acknowledged before the next one was
    over: if the power is cut there, the disk of this flush is all that is left, and has to have it.

    \b
    roadworthy cut load.log                             which flushes there are
    roadworthy cut load.log --flush=12 --out=disk.img   the disk at one of them
    mount -o loop disk.img /mnt                         as after the power is back

    Mounting writes to the image, because the file system has to recover its journal; the log stays as it is, and makes
    another image. Works without root and without Docker; only mounting needs root.
    """
    entries, capture = read(log)
    every = list(flushes(entries, capture.begin, capture.end))
    if flush is None and out is None and part is None:
        for line in listed(capture, entries, every):
            click.echo(visible(line))
        return
    if flush is None:
        given = "--part" if out is None else "--out"
        raise click.UsageError(f"{given}: name a flush with --flush, one of 0 to {every[-1].flush}")
    if not 0 <= flush <= every[-1].flush:
        raise click.UsageError(f"--flush: {log} has no flush {flush}; name one of 0 to {every[-1].flush}")
    if out is None:
        raise click.UsageError("--flush: name the file for the disk with --out, as in --out=disk.img")
    chosen = every[flush] if part is None else parts(entries, every[flush], part)
    write(log, entries, chosen, out, capture.size)
    click.echo(f"{out}: the disk of {visible(capture.lane)} at {chosen} of {visible(capture.operation)}")
    click.echo(f"mount it:  mount -o loop {out} DIR    (it recovers its journal, as after a power cut)")


def read(log: Path) -> tuple[list[Entry], Capture]:
    """The entries of a log, and what it is of. Raises UsageError."""
    try:
        entries = list(WriteLog(log).entries())
        capture = read_capture(log)
    except (LogDamaged, CaptureRefused) as reason:
        raise click.UsageError(str(reason)) from None
    except OSError as reason:
        raise click.UsageError(f"{log}: {reason.strerror}") from None
    if capture.end > len(entries):
        raise click.UsageError(f"{log} has {len(entries)} entries, but its operation ends at {capture.end}")
    for entry in entries:
        if entry.at + entry.length > capture.size:
            raise click.UsageError(f"{log}: entry {entry.number} lies beyond the disk of {capture.size} bytes")
    return entries, capture


def write(log: Path, entries: Sequence[Entry], cut: Cut, image: Path, size: int) -> None:
    """Write the disk of a cut to a new file, which is there as a whole or not at all. Raises UsageError."""
    try:
        disk = Replica(log, entries, image, size)
    except FileExistsError:
        raise click.UsageError(f"--out: {image} exists and is not overwritten; name a new file") from None
    except OSError as reason:
        raise click.UsageError(f"--out: {image} cannot be written: {reason.strerror}") from None
    try:
        disk.advance(cut.position)
        disk.keep(cut.beyond)
    except BaseException as reason:
        image.unlink()
        if isinstance(reason, OSError):
            raise click.UsageError(f"--out: {image} cannot be written: {reason.strerror}") from None
        if isinstance(reason, LogDamaged | ProgramFailed):
            raise click.UsageError(str(reason)) from None
        raise


def listed(capture: Capture, entries: Sequence[Entry], every: Sequence[Cut]) -> Iterator[str]:
    """Yield what a log is of, and its flushes: what was written before each, and what happened until the next."""
    yield f"{capture.operation} on {capture.lane}: {capture.does}"
    yield (
        f"{capture.backing} on {amount(capture.size, 'B')}; {counted(len(every), 'flush', 'flushes')}, "
        f"0 to {every[-1].flush}, in entries {capture.begin} to {capture.end}"
    )
    happened = sorted(
        [(call.position, f"{call.call}  {call.answer}") for call in capture.calls]
        + [(moment.position, f"acknowledged: {moment.label}") for moment in capture.moments],
        key=lambda one: one[0],
    )
    last, ends = capture.begin, [*(later.position for later in every[1:]), math.inf]
    for one, end in zip(every, ends, strict=True):
        told = [entry for entry in entries[last : one.position] if entry.writes]
        size = sum(entry.length for entry in told)
        wrote = f"{counted(len(told), 'write')}, {amount(size, 'B')}" if one.flush else "the operation begins"
        yield f"flush {one.flush:>3}  entry {one.position:>6}  {wrote}"
        while happened and happened[0][0] < end:
            yield f"           {happened.pop(0)[1]}"
        last = one.position
