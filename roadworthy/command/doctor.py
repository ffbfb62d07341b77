"""The command `roadworthy doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click

from roadworthy.command import diagnosis
from roadworthy.command.answer import Answer, Fields, Line, Part, Table, Title, answers, tell
from roadworthy.command.diagnosis import CanRun, OfDriver
from roadworthy.command.exits import NO_ANSWER
from roadworthy.command.progress import working
from roadworthy.drivers.overlayfs import SWITCHES
from roadworthy.engine_name import EngineName
from roadworthy.engines.dockerd import installed_engine
from roadworthy.machines.host import Host
from roadworthy.reports.cases import base
from roadworthy.reports.text import counted
from roadworthy.verdict import deviations
from roadworthy.verdict.deviations import Deviation, Deviations
from roadworthy.verdict.knobs import knobs

CONFORMANCE = Path(__file__).parents[1] / "conformance"


@click.command()
@answers
def doctor(form: str | None) -> None:
    """Say what can run on this host, what its own Docker would choose, and which recorded breaks that meets.

    Of every driver on every backing, every engine, every mode and every kernel: whether it can run here and how, and if
    not the one thing to do. Of this host's Docker: the storage driver that it would choose for its data root, and why;
    and the recorded deviations whose condition that driver, backing, engine and kernel fulfil, each with what can be
    turned.

    Nothing is started, fetched or changed.

    Exit status: 0, 3 if no driver can run here, 4 for a mistake on the command line.
    """
    host, installed = Host(), installed_engine()
    recorded = deviations.load_all(CONFORMANCE / "deviations")
    with working("looking at this host"):
        of_drivers = list(diagnosis.drivers(host, installed))
        of_engines = list(diagnosis.engines(host, installed))
        of_modes = list(diagnosis.modes(host))
        of_kernels = list(diagnosis.booting(host))
        chosen = diagnosis.choice(host)
        of_others = diagnosis.extensions()
        met = diagnosis.breaks(chosen, host, installed, recorded)
    broken = [
        {
            "check": one.check, "known_by": one.tells, "why": one.why, "source": one.source,
            "knobs": knobs(one, recorded.entries, chosen.driver),
        } for one in met
    ]  # fmt: skip
    data = {
        "kernel": host.release, "engine": str(installed) if diagnosis.has_engine(host) else None,
        "drivers": [asdict(one) for one in of_drivers], "engines": [asdict(one) for one in of_engines],
        "modes": [asdict(one) for one in of_modes], "kernels": [asdict(one) for one in of_kernels],
        "chosen": asdict(chosen), "breaks": broken,
        "extensions": [asdict(one) for one in of_others],
    }  # fmt: skip
    parts: list[Part] = [
        Title("this host"), Fields(facts(host, installed)),
        Title("drivers"), Table(("driver", "backing", "here", "how, or what to do"), driver_rows(of_drivers)),
        Title("engines"), Table(("engine", "here", "how, or what to do"), rows(of_engines)),
        Title("modes"), Table(("mode", "here", "how, or what to do"), rows(of_modes)),
        Title("kernels"), Table(("kernel", "here", "how, or what to do"), rows(of_kernels)),
        Title("what Docker would choose here"),
        Fields([("driver", chosen.driver or "none"), ("data root", f"{chosen.data_root}, on {chosen.backing}"),
                ("why", chosen.why)]),
    ]  # fmt: skip
    if of_others:
        told = [(one.distribution, one.group, one.name, one.trouble) for one in of_others]
        parts += [Title("added by other distributions"), Table(("distribution", "adds to", "name", "trouble"), told)]
    if chosen.driver:
        parts += [Title(f"recorded breaks of {chosen.driver} on {chosen.backing} here"),
                  *broken_parts(chosen.driver, met, recorded)]  # fmt: skip
    tell(Answer(data, parts), form)
    if not any(one.yes for one in of_drivers):
        raise SystemExit(NO_ANSWER)


def facts(host: Host, installed: EngineName) -> list[tuple[str, str]]:
    shown = host.module_parameters("overlay")
    said = ", ".join(f"{name}={shown[name]}" for name in SWITCHES if name in shown)
    privilege = host.privilege()
    return [
        ("kernel", f"{host.release}, made from Linux {host.upstream}"),
        ("overlay module", said or "none"),
        ("engine", str(installed) if diagnosis.has_engine(host) else "no dockerd is installed"),
        ("privilege", "root of this host" if privilege.met else privilege.reason),
    ]


def rows(found: Iterable[CanRun]) -> list[tuple[str, str, str]]:
    return [(one.name, "yes" if one.yes else "no", one.how or one.do) for one in found]


def driver_rows(found: Sequence[OfDriver]) -> list[tuple[str, str, str, str]]:
    """A row for each driver and way to run it, or for what it lacks."""
    told = []
    for (name, yes, said), members in groupby(
        sorted(found, key=lambda one: not one.yes), key=lambda one: (one.name, one.yes, one.how or one.do)
    ):  # fmt: skip
        told.append((name, ", ".join(one.backing for one in members), "yes" if yes else "no", said))
    return told


def broken_parts(driver: str, met: Sequence[Deviation], recorded: Deviations) -> list[Part]:
    if not met:
        return [Line(f"none is recorded: {driver} keeps every promise that was asked of it in such a cell")]
    checks: dict[str, dict[str, None]] = {}
    for one in met:
        helps = checks.setdefault(base(one.check), {})
        helps.update(dict.fromkeys(knob.partition(", ")[0] for knob in knobs(one, recorded.entries, driver)))
    lines = [(check, "; or ".join(helps) or "nothing that can be turned") for check, helps in checks.items()]
    return [
        Line(f"{counted(len(checks), 'check')} would find a broken promise; roadworthy explain CHECK says why"),
        Table(("check", "what helps"), lines),
    ]
