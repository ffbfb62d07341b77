"""The command `roadworthy repro`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from roadworthy.command.answer import Answer, Code, Line, Title, answers, tell
from roadworthy.command.completion import checks_like
from roadworthy.command.exits import NO_ANSWER
from roadworthy.command.explain import entries_of
from roadworthy.command.recorded import Asked, cells, columns_named, from_bundles, of_runs, read
from roadworthy.command.recording import recorded
from roadworthy.command.subject import Subject, subject
from roadworthy.declaring.known import checks_known
from roadworthy.drivers import DRIVERS
from roadworthy.drivers.base import Driver
from roadworthy.reports.cases import base, names
from roadworthy.reports.matrix import REFERENCE, Matrix
from roadworthy.reports.nearest import hint
from roadworthy.reports.records import Result
from roadworthy.repro.calls import NoScript
from roadworthy.repro.reproducer import refuse, reproducer

#: Verdicts of a broken promise.
BROKEN = ("known", "fail", "hang", "crash")


@click.command()
@click.argument("what", metavar="LANE/CHECK", shell_complete=checks_like)
@from_bundles
@click.option("--with-engine", is_flag=True, help="Ask an engine that runs, also where the layers could be mounted.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the script to this new file, and say so."
)
@answers
def repro(what: str, bundles: tuple[Path, ...], with_engine: bool, output: Path | None, form: str | None) -> None:
    """Print a shell script that shows what a check has found on a lane, and needs nothing of the suite.

    The script makes the layers of the check's image and a plain directory, makes the system calls of the check in
    both, in a small C program, and shows where the answers differ. For overlay2, containerd:overlayfs and
    fuse-overlayfs it mounts the layers itself. For other drivers it uses an engine that runs, by the command docker or
    podman; DOCKER_HOST says where it is.

    LANE is a recorded lane's id, or a driver. The calls are those of a recorded run, best one with the reference: that
    of --driver=overlay2,native. Without one, the check is run on a plain volume, which takes some seconds and root.

    \b
    roadworthy repro overlay2/rename/merged-dir >show.sh
    roadworthy repro fuse-overlayfs-ext4-docker20.10-linux6.18/open/o-tmpfile[lower] --bundle=bundles/nightly

    Exit status: 0, 3 if there is no such script (the reason is said), 4 for a mistake on the command line. That of the
    script: 1 if it shows a difference, 0 if not, 2 if it cannot be tried there.
    """
    named = subject(what)
    if named is None or not named.lane:
        raise click.UsageError(f"{what!r} is not LANE/CHECK, as in overlay2/rename/merged-dir")
    matrix = of_runs(read(bundles))
    chosen = chosen_cell(named, matrix)
    try:
        text = script_of(chosen, with_engine)
    except NoScript as reason:
        said = f"{chosen.driver.name}/{chosen.identity} has no script: {reason}"
        tell(Answer({"lane": named.lane, "check": chosen.identity, "script": None, "reason": str(reason)},
                    [Line(said)]), form)  # fmt: skip
        raise SystemExit(NO_ANSWER) from None
    if output is not None:
        write(text, output)
        said = f"{output}: {chosen.identity} on {chosen.driver.name}; run it with: sh {output}"
        tell(Answer({"lane": named.lane, "check": chosen.identity, "file": str(output)}, [Line(said)]), form)
    elif form is None:
        click.echo(text, nl=False)
    else:
        data = {"lane": named.lane, "check": chosen.identity, "script": text, "reason": ""}
        tell(Answer(data, [Title(f"{chosen.driver.name}/{chosen.identity}"), Code(text, "sh")]), form)


@dataclass(frozen=True)
class Chosen:
    """What a script is to show: the check, with its case, on a driver and a backing; its calls; why it breaks."""

    identity: str
    driver: Driver
    backing: str
    calls: Result | None
    why: str


def chosen_cell(named: Subject, matrix: Matrix | None) -> Chosen:
    """The cell that a script is to show, with recorded calls if there are some. Raises UsageError."""
    asked = cells(matrix, named.check, named.lane)
    if matrix and not asked and named.lane not in DRIVERS:
        columns_named(matrix, named.lane)
    driver, backing = place_of(named.lane, asked)
    broken = [one for one in asked if one.cell.verdict in BROKEN]
    one = next(iter([*broken, *asked]), None)
    identity = one.check.id if one else named.check
    found = one.cell.result.deviation if one and one.cell.result else None
    entries = [] if found else entries_of(Subject(identity, driver.name))
    why = found.why if found else entries[0].why if entries else ""
    return Chosen(identity, driver, backing, calls_of(identity, asked, matrix), why)


def place_of(lane: str, asked: Sequence[Asked]) -> tuple[Driver, str]:
    """The driver and the backing of a lane, recorded or named by its driver. Raises UsageError."""
    if asked:
        return DRIVERS[asked[0].column.lane.driver], asked[0].column.lane.backing
    names = [name for name in DRIVERS if lane == name or lane.startswith(f"{name}-")]
    if not names:
        raise click.UsageError(f"no driver or recorded lane {lane!r}{hint(lane, list(DRIVERS))}")
    driver = DRIVERS[max(names, key=len)]
    word = lane.removeprefix(driver.name).strip("-").partition("-")[0]
    return driver, word if word in driver.backings else driver.backings[0]


def calls_of(identity: str, asked: Sequence[Asked], matrix: Matrix | None) -> Result | None:
    """The recorded calls of a check: those of a lane that keeps the promise, which go to the end, or else its own."""
    everywhere = cells(matrix, identity)
    kept = [one for one in everywhere if one.cell.verdict == "pass"]
    order = sorted(kept, key=lambda one: one.column.lane.driver != REFERENCE)
    for one in [*order, *asked]:
        if one.check.id == identity and one.cell.result and one.cell.result.transcript:
            return one.cell.result
    return None


def script_of(chosen: Chosen, with_engine: bool) -> str:
    """The script. Raises NoScript."""
    known = checks_known()[base(chosen.identity)]
    result, identity = chosen.calls, chosen.identity
    refuse(known)
    if result is None:
        result = recorded_calls(identity)
        identity = result.check
    return reproducer(
        known, identity, chosen.driver, chosen.backing, chosen.why, result.transcript, result.omitted_calls, with_engine
    )  # fmt: skip


def recorded_calls(identity: str) -> Result:
    """The calls of a check on a plain volume, where it is run for them. Raises NoScript."""
    said = recorded([f"--driver={REFERENCE}", "-k", identity], f"running {identity} on a plain volume")
    results = said.bundle.results if said.bundle else ()
    made = [one for one in results if one.transcript and names(identity, one.check)]
    found = next(iter(made), None)
    if found is None:
        reasons = [one.reason for one in said.bundle.lanes if one.reason] if said.bundle else []
        reasons += [one.reason for one in results if one.reason]
        last = reasons[0].splitlines()[0] if reasons else (said.said.splitlines() or ["nothing was said"])[-1]
        raise NoScript(f"no run of it is recorded here, and none can be made: {last}")
    click.echo(f"the calls are those of {found.check} on a plain volume", err=True)
    return found


def write(text: str, path: Path) -> None:
    """Write a script to a new file. Raises UsageError."""
    try:
        with path.open("x") as file:
            file.write(text)
        path.chmod(0o755)
    except FileExistsError:
        raise click.UsageError(f"--output: {path} exists and is not overwritten; name a new file") from None
    except OSError as reason:
        raise click.UsageError(f"--output: {path} cannot be written: {reason.strerror}") from None
