"""Changes for readers: by kind, and those alike told once with all the lanes on which they happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from roadworthy.reports.cases import base, case
from roadworthy.reports.records import Verdict
from roadworthy.reports.text import counted
from roadworthy.reports.transitions import MEANING, Kind, Transition

#: Kinds whose name is a noun, with its plural.
_PLURAL: dict[Kind, str] = {"new check": "new checks", "check gone": "checks gone", "new lane": "new lanes",
                            "lane gone": "lanes gone"}  # fmt: skip
#: Kinds that are told by lane: what a run that was interrupted did not report has one reason a lane.
OF_LANES: tuple[Kind, ...] = ("not reported", "new lane", "lane gone")
#: Kinds that are about checks as wholes: one that is new or gone on many lanes counts once.
OF_CHECKS: tuple[Kind, ...] = ("new check", "check gone")


@dataclass(frozen=True)
class Group:
    """Changes that are alike: of one check function, from one verdict to another, with the first one's reason.

    Of a lane as a whole, `check` is empty; `count` says of how many cells.
    """

    check: str
    before: Verdict | None
    after: Verdict | None
    reason: str
    lanes: tuple[str, ...]
    cases: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class News:
    """The changes of one kind: `count` cells or lanes, in groups."""

    kind: Kind
    count: int
    groups: tuple[Group, ...]

    @property
    def meaning(self) -> str:
        return MEANING[self.kind]

    @property
    def title(self) -> str:
        """`3 newly failing`, `1 lane gone`."""
        return counted(self.count, self.kind, _PLURAL.get(self.kind, self.kind))


def news(changes: Iterable[Transition]) -> tuple[News, ...]:
    """Changes by kind, the most urgent first."""
    found: dict[Kind, dict[object, list[Transition]]] = {}
    for one in changes:
        alike: tuple[object, ...] = (base(one.check), one.before, one.after)
        if one.kind in OF_LANES:
            alike = (one.lane, one.reason)
        elif one.kind in OF_CHECKS:
            alike = (base(one.check),)
        found.setdefault(one.kind, {}).setdefault(alike, []).append(one)
    return tuple(
        News(kind, sum(map(_cells, found[kind].values())), tuple(map(_group, found[kind].values())))
        for kind in MEANING if kind in found
    )  # fmt: skip


def _cells(alike: list[Transition]) -> int:
    return 1 if alike[0].kind in OF_CHECKS else len(alike)


def _group(alike: list[Transition]) -> Group:
    first = alike[0]
    told = first.kind not in (*OF_CHECKS, *OF_LANES)
    return Group(
        check="" if first.kind in OF_LANES else base(first.check),
        before=first.before if told else None,
        after=first.after if told else None,
        reason=first.reason,
        lanes=tuple(dict.fromkeys(one.lane for one in alike)),
        cases=tuple(dict.fromkeys(case(one.check) for one in alike if case(one.check))),
        count=len(alike),
    )
