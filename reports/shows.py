"""The value that a cell shows: of a broken promise the one that breaks it, with what was expected in its place.

A check observes several things, and the first is often as promised where another is not. So a broken cell shows the
observation that its recorded deviation names or its failure states, and no value of a lane that kept the promise.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.reports.records import Observation, Result, Verdict

#: Verdicts that say that the promise is broken.
BROKEN: frozenset[Verdict] = frozenset({"fail", "known"})
#: How the reason of a known race begins that did not happen this time; `verdict/judge.py` writes it.
KEPT_THIS_TIME = "a race, and this time the promise was kept"

_ASSERTED = re.compile(r"assert (?P<saw>.+?) (?P<how>==|!=|<=|>=|<|>|in|not in|is|is not) (?P<expected>.+)")
_HOW = {"==": "", "is": "", "!=": "not ", "is not": "not ", "<=": "at most ", ">=": "at least ", "<": "less than ",
        ">": "more than ", "in": "one of ", "not in": "none of "}  # fmt: skip
_REFUSED = re.compile(r"(?P<call>\w+)\(.*\) was refused with (?P<errno>E[A-Z0-9]+)")

#: What lanes that kept the promise saw, by the observation's name; the reference's value first.
Kept = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Shown:
    """A value, what was `expected` in its place, and the `name` of the observation that has it; each may be empty."""

    value: str = ""
    expected: str = ""
    name: str = ""

    @property
    def words(self) -> str:
        """`EXDEV, expected success`; empty if there is nothing to show."""
        return f"{self.value}, expected {self.expected}" if self.expected else self.value


#: What is shown of a cell without a value.
NOTHING = Shown()


def shown_in(results: Sequence[Result | None]) -> list[Shown]:
    """What each cell of a row shows; the reference comes first, and None stands for a cell without a result."""
    kept: dict[str, list[str]] = {}
    for result in results:
        if result and result.verdict == "pass":
            for name, value in last(result.observations).items():
                values = kept.setdefault(name, [])
                if value not in values:
                    values.append(value)
    broken = [breaks(result, kept) if result and result.verdict in BROKEN else None for result in results]
    name = next((one.name for one in broken if one and one.name), "")
    return [one or observed(result, name) for one, result in zip(broken, results, strict=True)]


def observed(result: Result | None, name: str) -> Shown:
    """What a promise shows that is not broken: the observation by which it breaks on other lanes, or the first."""
    values = last(result.observations) if result else {}
    if not values:
        return NOTHING
    name = name if name in values else next(iter(values))
    return Shown(values[name], name=name)


def breaks(result: Result, kept: Kept) -> Shown:
    """The value by which a promise is broken, and what was expected."""
    if result.reason.startswith(KEPT_THIS_TIME):
        return Shown("kept this time: it depends on who comes first")
    line = result.reason.partition("\n")[0].strip()
    told = result.deviation.signature if result.deviation else ""
    odd = {name: value for name, value in last(result.observations).items() if value not in kept.get(name, ())}
    named = [name for name in odd if f"{name}: " in told]
    stated = [name for name in odd if re.search(rf"(?<!\w){re.escape(odd[name])}(?!\w)", line)]
    # An observation that no lane kept may be a number that differs everywhere; the failure itself says more.
    apart = [name for name in odd if name in kept]
    if named or stated:
        return of_observation((named or stated)[0], odd, kept, line)
    if failed := of_failure(line):
        return failed
    return of_observation(apart[0], odd, kept, line) if apart else Shown(line)


def of_observation(name: str, values: Mapping[str, str], kept: Kept, line: str) -> Shown:
    """An observed value; expected is what the lanes that kept the promise saw, if they agree, or what was asserted."""
    usual = kept.get(name, ())
    failed = of_failure(line)
    asserted = failed.expected if failed and failed.value == values[name] else ""
    return Shown(values[name], usual[0] if len(usual) == 1 else asserted, name)


def of_failure(line: str) -> Shown | None:
    """The value in the failure itself: an assertion's left side, or the errno of a call that was refused."""
    if found := _ASSERTED.match(line):
        return Shown(plain(found["saw"]), _HOW[found["how"]] + plain(found["expected"]))
    if found := _REFUSED.match(line):
        return Shown(f"{found['errno']} from {found['call']}", "success")
    return None


def last(observations: Iterable[Observation]) -> dict[str, str]:
    """Observations by name; of several with one name the last counts, as for a deviation."""
    return {one.name: one.value for one in observations}


def plain(text: str) -> str:
    """A text without the quotes of its Python literal; everything else as it is."""
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text.strip()
    return value if isinstance(value, str) else text.strip()
