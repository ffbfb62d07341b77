"""The companion command `roadworthy`, for all but test runs: pages, leftovers, and what the suite knows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from roadworthy.command import answer, shelf
from roadworthy.command.axes import axes
from roadworthy.command.bench import bench
from roadworthy.command.bisect import bisect
from roadworthy.command.claims import claims
from roadworthy.command.compat import compat
from roadworthy.command.completion import completion
from roadworthy.command.cut import cut
from roadworthy.command.diff import diff
from roadworthy.command.doctor import doctor
from roadworthy.command.drivers import drivers
from roadworthy.command.exits import FOUND
from roadworthy.command.explain import explain
from roadworthy.command.explore import explore
from roadworthy.command.jobs import FORMATS, job
from roadworthy.command.merge import merge
from roadworthy.command.mistakes import Amount, Commands, bundles_in, good_bundles_in
from roadworthy.command.new import new
from roadworthy.command.recommend import recommend
from roadworthy.command.repro import repro
from roadworthy.command.run import run as run_checks
from roadworthy.command.seal import sign, verify
from roadworthy.command.site import site
from roadworthy.command.smoke import smoke
from roadworthy.command.verify_store import verify_store
from roadworthy.command.weekly import weekly
from roadworthy.command.workflow import workflow
from roadworthy.engine_name import names_daemon
from roadworthy.engines.dockerd import installed_engine
from roadworthy.lane.lanes import LaneError, words
from roadworthy.lane.matrix_file import lanes_named
from roadworthy.machines.host import Host
from roadworthy.reports.agreement import agreement
from roadworthy.reports.matrix import build
from roadworthy.reports.nearest import hint
from roadworthy.supplies.apt import ACCEPT_EXPIRED
from roadworthy.supplies.cache import Cache
from roadworthy.upkeep import reaper
from roadworthy.upkeep.ledger import LEDGERS


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="roadworthy")
def main() -> None:
    """Roadworthy's companion command. pytest makes the runs: pytest --driver=overlay2"""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise click.UsageError("the working directory was deleted; change to one that is there") from None


main.add_command(bench)
main.add_command(bisect)
main.add_command(claims)
main.add_command(compat)
main.add_command(completion)
main.add_command(cut)
main.add_command(diff)
main.add_command(doctor)
main.add_command(drivers)
main.add_command(explain)
main.add_command(explore)
main.add_command(new)
main.add_command(run_checks)
main.add_command(merge)
main.add_command(recommend)
main.add_command(repro)
main.add_command(sign)
main.add_command(site)
main.add_command(smoke)
main.add_command(verify)
main.add_command(verify_store)
main.add_command(weekly)
main.add_command(workflow)


@main.command()
@click.argument("first", type=click.Path(exists=True, path_type=Path))
@click.argument("second", type=click.Path(exists=True, path_type=Path))
@answer.answers
def agree(first: Path, second: Path, form: str | None) -> None:
    """Check that two runs have the same verdicts: FIRST and SECOND, directories with a bundle.jsonl.

    For runs that must not differ, such as one with --isolate and one without, or two random orders. The exit status is
    1 if a check that both made on one lane has two verdicts, or if a run is incomplete; then it says what is missing.
    """
    read = [one for place in (first, second) for one in bundles_in([place])]
    if len(read) != 2:
        raise click.UsageError(f"expected two runs, got {len(read)}: name the bundle of each")
    found = agreement(*(build([bundle]) for bundle in read))
    if not found.common:
        raise click.UsageError(f"{first} and {second} have no check on a common lane: name runs of the same lanes")
    rows = [(lane, check, before, after, why.splitlines()[0] if why else "")
            for lane, check, before, after, why in found.apart]  # fmt: skip
    alone = found.first_alone + found.second_alone
    said = f"{found.common} common cells, {len(found.apart)} differ" + (f"; {alone} in one run only" * bool(alone))
    data = {"common": found.common, "in_one_run_only": alone, "differing": [
        dict(zip(("lane", "check", "first", "second", "why"), row, strict=True)) for row in rows
    ]}  # fmt: skip
    answer.tell(
        answer.Answer(data, [answer.Table(("lane", "check", "first", "second", "why"), rows), answer.Line(said)]), form
    )
    if found.apart or any(bundle.lacking for bundle in read):
        raise click.exceptions.Exit(FOUND)


@main.command()
@click.option("--dry-run", is_flag=True, help="Only list what dead runs left.")
@click.option("--kept", is_flag=True, help="Also remove what runs with --keep left for inspection.")
def reap(dry_run: bool, kept: bool) -> None:
    """List and remove what dead runs left: daemons, loop devices, image files, control groups, directories.

    Works from the ledgers of the runs, by identity. Runs that are still alive are not touched.
    """
    if os.geteuid() != 0:
        raise click.ClickException("reaping needs root, as the runs did: run it as root, or with sudo")
    dead = reaper.dead_runs() if LEDGERS.is_dir() else []
    for run in dead:
        note = " (kept for inspection; --kept removes it)" if run.kept and not kept else ""
        click.echo(f"run {run.run}: {len(run.items)} entries{note}")
        for item in run.items:
            click.echo(f"  {item.kind} {reaper.describe(item)}")
    if not dead:
        click.echo("no dead run left anything")
    if dry_run:
        return
    left = 0
    for done in reaper.reap(kept=kept):
        click.echo(f"run {done.run}: removed {len(done.removed)} things that were still there")
        for sentence in done.left:
            click.echo(f"  not removed: {sentence}")
        left += len(done.left)
    if left:
        raise click.ClickException(f"{left} things could not be removed; their ledgers are kept, try again later")


@main.command()
@axes
@click.option("--matrix", metavar="FILE", help="A matrix file, instead of all other options.")
@click.option(
    "--format", "form", type=click.Choice([*FORMATS]), help="Print jobs for a CI system, or command lines: one a lane."
)
@click.option("--json", "as_json", is_flag=True, help="As --format=github, on several lines.")
@click.option(
    "--reported", type=click.Path(exists=True, path_type=Path), metavar="BUNDLES",
    help="Print only the lanes of which no bundle here has a verdict; exit status 1 if there are any.",
)  # fmt: skip
def lanes(
    matrix: str | None, form: str | None, as_json: bool, reported: Path | None, **named: tuple[str, ...]
) -> None:  # fmt: skip
    """Print the lanes that options or a matrix file name, without running anything.

    With --reported, print those that a night planned and that never reported.
    """
    if not matrix and not words(named["driver"]) and not any(map(names_daemon, words(named["engine"]))):
        raise click.UsageError("name a storage driver, as in --driver=overlay2, or a file with --matrix")
    try:
        found = lanes_named(named, matrix, installed_engine(), Host().kernel)
    except LaneError as reason:
        raise click.UsageError(str(reason)) from None
    if reported is not None:
        seen = {result.lane for bundle in good_bundles_in([reported])[0] for result in bundle.results}
        found = [lane for lane in found if lane.id not in seen]
    jobs = [job(lane) for lane in found]
    if form is not None:
        click.echo(FORMATS[form](jobs))
    elif as_json:
        click.echo(json.dumps({"include": jobs}, indent=2))
    else:
        for lane in found:
            click.echo(lane.id)
    if reported is not None and found:
        raise click.exceptions.Exit(FOUND)


@main.command()
@click.option("--look", is_flag=True, help="Also ask the package sources which kernels they carry now, backports too.")
@click.option("--make", multiple=True, metavar="SERIES", help="Fetch this kernel into the cache; may be repeated.")
@click.option(
    ACCEPT_EXPIRED, "accept_expired", is_flag=True, help="Accept a suite whose Release file is past its date."
)
@answer.answers
def kernels(look: bool, make: tuple[str, ...], accept_expired: bool, form: str | None) -> None:
    """List the kernels that --kernel takes by name, and which are in the cache.

    Exit status: 0, 1 if one could not be made, 4 for a mistake on the command line.
    """
    shelf.make(shelf.make_kernel, make, accept_expired)
    answer.tell(shelf.kernel_answer(Cache(), look, accept_expired), form)


@main.command()
@click.option("--make", multiple=True, metavar="NAME", help="Make this engine root, and its image; may be repeated.")
@click.option(
    ACCEPT_EXPIRED, "accept_expired", is_flag=True, help="Accept a suite whose Release file is past its date."
)
@answer.answers
def engines(make: tuple[str, ...], accept_expired: bool, form: str | None) -> None:
    """List the engine roots that --engine takes, and which are in the cache.

    Exit status: 0, 1 if one could not be made, 4 for a mistake on the command line.
    """
    shelf.make(shelf.make_engine, make, accept_expired)
    answer.tell(shelf.engine_answer(Cache()), form)


@main.group()
def cache() -> None:
    """List or prune the cache: engine roots, kernels and their images, which take long to make."""


@cache.command(name="list")
@answer.answers
def list_cache(form: str | None) -> None:
    """List what is in the cache, with size and last use.

    Exit status: 0, 4 for a mistake on the command line.
    """
    answer.tell(shelf.cache_answer(Cache()), form)


@cache.command()
@click.option("--older-than", metavar="DAYS", type=Amount(min=0), help="Remove what was not used for so many days.")
@click.option("--all", "everything", is_flag=True, help="Remove everything that is not in use.")
@click.argument("kind", required=False)
@answer.answers
def prune(older_than: float | None, everything: bool, kind: str | None, form: str | None) -> None:
    """Remove entries of the cache, all or of one KIND; without options, only what killed builds left.

    Exit status: 0, also if something in use was kept; 4 for a mistake on the command line.
    """
    store = Cache()
    if everything and older_than is not None:
        raise click.UsageError("--all and --older-than exclude each other")
    if kind is not None and kind not in store.kinds():
        others = hint(kind, store.kinds()) if store.kinds() else ", which is empty"
        raise click.UsageError(f"no kind {kind!r} in the cache{others}")
    age = 0.0 if everything else older_than * 86400 if older_than is not None else None
    answer.tell(shelf.pruned_answer(list(store.prune(kind, age))), form)


if __name__ == "__main__":
    main()
