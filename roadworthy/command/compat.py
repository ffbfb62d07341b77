"""The command `roadworthy compat`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from roadworthy.command.answer import Answer, Fields, Part, Table, Title, answers, tell
from roadworthy.command.exits import FOUND, NO_ANSWER
from roadworthy.reports import compat as data
from roadworthy.reports.compat import Compat, CompatRefused


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("check")
@click.option("--driver", "drivers", multiple=True, help="Of this driver; repeatable. Without it, of all.")
@click.option("--kernel", default="", metavar="SERIES", help="On this kernel series, as 6.1.")
@click.option("--engine", default="", metavar="NAME", help="With this engine, as docker28.5.")
@click.option("--backing", default="", metavar="NAME", help="On this backing file system.")
@click.option("--flag", "flags", multiple=True, metavar="KEY=VALUE", help="With this option of a lane; repeatable.")
@answers
def compat(
    file: Path, check: str, drivers: tuple[str, ...], kernel: str, engine: str, backing: str, flags: tuple[str, ...],
    form: str | None,
) -> None:  # fmt: skip
    """Ask a site's compat.json FILE whether drivers keep the promise of a CHECK: rename/merged-dir, or a case of it.

    What no lane was asked is unknown, and other conditions that were asked are named.

    Exit status: 0 if the promise is kept, 1 if it is broken, wholly or in part, 3 if it is unknown, 4 for a mistake on
    the command line.
    """
    if wrong := next((word for word in flags if "=" not in word), ""):
        raise click.UsageError(f"--flag: expected KEY=VALUE, found {wrong!r}")
    options = dict(word.split("=", 1) for word in flags)
    try:
        known = Compat.read(file)
        entry = known.entry(check)
        found = {
            driver: known.ask(check, driver, kernel, engine, backing, options) for driver in drivers or known.drivers
        }
    except CompatRefused as reason:
        raise click.UsageError(str(reason)) from None
    tell(answer(check, entry, found), form)
    said = {one.support for one in found.values()}
    if said & {"no", "partial"}:
        raise click.exceptions.Exit(FOUND)
    if "unknown" in said:
        raise click.exceptions.Exit(NO_ANSWER)


def answer(check: str, entry: Mapping[str, Any], found: Mapping[str, data.Answer]) -> Answer:
    """The promise, and of each driver whether it keeps it, where, and why not."""
    rows: list[Sequence[str]] = []
    for driver, one in found.items():
        rows += [(driver, data.SUPPORT[said["support"]], data.where(said), "; ".join(said.get("notes", ())))
                 for said in one.statements] or [(driver, one.support, "", asked_elsewhere(one))]  # fmt: skip
    parts: list[Part] = [
        Title(check), Fields([("promise", entry["description"]), ("source", entry["source"])]),
        Table(("driver", "kept", "where", "why"), rows),
    ]  # fmt: skip
    answers = {
        driver: {
            "support": one.support, "statements": list(one.statements), "helps": list(one.helps),
            "others": [data.where(said) for said in one.others],
        } for driver, one in found.items()
    }  # fmt: skip
    return Answer({"check": check, "description": entry["description"], "answers": answers}, parts)


def asked_elsewhere(one: data.Answer) -> str:
    """Where a check was asked, if it was not asked here."""
    places = "; ".join(f"{data.where(said)}: {data.SUPPORT[said['support']]}" for said in one.others)
    return f"asked elsewhere: {places}" if places else "never asked"
