"""The reference of a check's tree: what the same calls leave on a file system without layers.

After a check has passed, the calls of its processes are made once more by processes of the same container, in a
directory of its volume that began with the same tree. Then both trees are walked and compared: names, types, content,
modes, owners, times, attributes, link counts. So a file system of the kernel is the model of what a tree must hold, and
not our code. See docs/decisions/0009-the-reference-is-a-file-system.md.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Protocol

from roadworthy.calls.answers import Died, HostTrouble, Refused
from roadworthy.calls.evidence import Evidence, Made
from roadworthy.calls.exchange import AgentFault, CallHung, Exchange
from roadworthy.calls.inside import INSIDE, SOFTWARE
from roadworthy.calls.preparation import preparing, send
from roadworthy.calls.process import Pending, Process
from roadworthy.declaring.checks import ABOVE, Declared
from roadworthy.declaring.places import VOLUME
from roadworthy.trees.layers import Directory, beneath, flattened
from roadworthy.trees.on_disk import lay_out
from roadworthy.trees.owners import UNCHANGED, Owners
from roadworthy.verdict.deviations import ANY_TREE, Deviation
from roadworthy.verdict.judge import Judgement

#: The directory below the volume where references are laid out.
PLACE = "r"
#: Bytes of a file up to which its content is compared; of larger files, only the size is.
CONTENT = 4 << 20
#: How many calls, and bytes of them, are sent before their answers are read, as what waits must fit into the pipes.
AHEAD, CARRIED = 50, 16 << 10
#: Limits above which a comparison would cost too much: entries of a tree, calls, seconds that the calls took.
ENTRIES, CALLS, SECONDS = 500, 400, 1.0
#: A time of modification within these nanoseconds of now is "new"; trees of images are dated 2001.
RECENT = 86400 * 10**9
#: Fixtures by which a tree can change without a call of the check's processes.
OTHER_WAYS = ("containers", "own_containers", "lane_daemon", "cramped", "daemons", "storage", "own_storage", "engine",
              "software")  # fmt: skip
#: Calls that cannot be made again: they leave something running, race on purpose, or refer to one kernel object.
ONCE = frozenset({"start", "finish", "kill", "repeat", "timed", "look_often", "replace_often", "append_often",
                  "open_by_handle", "fanotify_mark", "connect", "accept", "own_mounts", "own_users"})  # fmt: skip
#: Calls whose first argument is an address in memory.
ADDRESSED = frozenset({"munmap", "msync", "peek", "poke", "mincore"})
#: Attributes that a security module of the host adds.
FOREIGN = frozenset({"security.selinux"})
#: A sentence about a field, as `differences` makes it.
_FIELD = re.compile(r".+: the [a-z ]+'s (.+?) is .* against ", re.DOTALL)
#: How the reason of a check begins whose tree differs.
DIFFERS = "the tree differs from the reference's: "
#: Fields of a file's content.
CONTENTS = frozenset({"checksum", "size"})
Tree = Mapping[str, Mapping[str, str]]


class Container(Protocol):
    """A container, as far as processes run in it."""

    def exchange(self) -> Exchange:
        """The exchange with its agent."""
        ...

    def process(self, directory: str, evidence: Evidence, name: str = "A") -> Process:
        """Start a process in the container, with the working directory `directory`."""
        ...


class NotCompared(Exception):
    """A check's tree is not compared; the text says why, in a few words that many checks share."""


class ReferenceFault(AgentFault):
    """The reference could not be made or read; this says nothing about the driver."""


class TreeDiffers(AssertionError):
    """The calls kept their promise, but left another tree than on a file system without layers."""

    def __init__(self, differences: Sequence[str]) -> None:
        more = f"; and {len(differences) - 1} more" if len(differences) > 1 else ""
        super().__init__(f"{DIFFERS}{differences[0]}{more}")
        self.differences = tuple(differences)


@dataclass
class Reference:
    """The references of one lane. `volume` is the container's volume as the controller reaches it.

    With `links_layers` the driver gives every file of an image a link for each layer above it, so that link counts are
    not compared. `owners` says whom the users of the container are on the volume.
    """

    volume: Any
    links_layers: bool = False
    owners: Owners = UNCHANGED
    compared: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _last: Process | None = None

    def _walker(self, container: Container) -> Process:
        """The process that walks trees; a new one if the container's agent has changed."""
        if self._last is None or self._last.exchange is not container.exchange():
            self._last = container.process("/", Evidence(), "reference")
        return self._last

    def compare(self, check: Declared, fixtures: Iterable[str], container: Container, evidence: Evidence) -> None:
        """Raise TreeDiffers if the check's calls have left another tree than the reference's. Raises ReferenceFault."""
        made, evidence.made = evidence.made or [], None
        try:
            refuse(check, set(fixtures), made, container)
            differences = self._differences(check, made, container)
        except NotCompared as reason:
            self.left_out[str(reason)] += 1
            return
        except (AgentFault, CallHung, OSError) as trouble:
            raise ReferenceFault(f"the reference could not be compared: {trouble}") from trouble
        self.compared += 1
        evidence.compared = True
        if differences:
            raise TreeDiffers(differences)

    def _differences(self, check: Declared, made: Sequence[Made], container: Container) -> list[str]:
        processes = list(dict.fromkeys(one.process for one in made))
        for process in processes:
            process.leave()  # what they hold, such as a lease, ends with them
        self._number += 1
        top = f"{PLACE}/{self._number}"
        here, there = processes[0].directory, f"{VOLUME}/{top}"
        (self.volume / top).mkdir(parents=True)
        again = {process: Process(container.exchange(), there, Evidence(), process.name) for process in processes}
        try:
            try:
                self.lay_out(check, here, top)
                if check.provenance == "upper":
                    send(next(iter(again.values())), preparing(check))
                differing = replayed(made, again, here, there)
            finally:
                for process in again.values():
                    process.leave()
            tree, wanted = walked(self._walker(container), here, there)
        finally:
            shutil.rmtree(self.volume / top, ignore_errors=True)
        # Programs write the clock's times, and names of their own choice, into files.
        besides = CONTENTS if any(one.call == "run" for one in made) else frozenset[str]()
        if self.links_layers:
            besides |= {"links"}
        return differing + differences(wanted, tree, {there: here}, besides)

    def lay_out(self, check: Declared, here: str, top: str) -> None:
        """Make the tree that the check has found in its directory `here`, without layers. Raises NotCompared."""
        layers = [{}, *check.trees] if check.provenance != "upper" else [{}]
        if check.provenance == "lower-deep" and not here.startswith(VOLUME):
            layers.append(ABOVE)
        whole = flattened([beneath(top, tree) for tree in layers])
        if len(whole) > ENTRIES:
            raise NotCompared("the tree has many entries")
        try:
            lay_out(self.owners.seen_outside({PLACE: Directory(), **whole}), self.volume)
        except (OSError, ValueError):
            raise NotCompared("a tree without layers cannot hold what the image has") from None

    def go_on_from(self, other: Reference) -> None:
        """Continue the counts of `other`, the reference of the lane's former daemon."""
        self.compared += other.compared
        self.left_out += other.left_out

    def facts(self) -> dict[str, Any]:
        """The counts, for the lane's record."""
        return {"compared": self.compared, "not compared": dict(self.left_out.most_common())}


def refuse(check: Declared, fixtures: set[str], made: Sequence[Made], container: Container) -> None:
    """Raise NotCompared for a check whose calls alone did not make its tree, or cannot be made again."""
    others = [name for name in OTHER_WAYS if name in fixtures]
    if others:
        raise NotCompared(f"it uses {others[0]}")
    if not made:
        raise NotCompared("it makes no calls")
    if len(made) > CALLS or sum(one.seconds for one in made) > SECONDS:
        raise NotCompared("its calls take long")
    if any(one.beside for one in made):
        raise NotCompared("its processes run at the same time")
    if any(one.process.exchange is not container.exchange() for one in made):
        raise NotCompared("it has processes in several containers")
    once = next((one.call for one in made if one.call in ONCE), None)
    if once is not None:
        raise NotCompared(f"it calls {once}")
    here = made[0].process.directory
    moved = any(one.call == "chdir" for one in made)
    for one in made:
        for word in texts(one.arguments):
            if outside(word, here, moved):
                raise NotCompared("it leaves its directory")


def texts(arguments: Sequence[Any]) -> list[str]:
    """The strings among arguments and in lists of them."""
    found: list[str] = []
    for value in arguments:
        found += [value] if isinstance(value, str) else texts(value) if isinstance(value, list | tuple) else []
    return found


def outside(word: str, here: str, moved: bool) -> bool:
    """Whether a string is a path out of the directory `here`, except for programs, /proc and /dev/null."""
    if word.startswith("/"):
        return not PurePosixPath(posixpath.normpath(word)).is_relative_to(here) and not word.startswith(
            (f"{INSIDE}/", f"{SOFTWARE}/", "/proc/", "/dev/null")
        )
    return not moved and PurePosixPath(posixpath.normpath(word)).parts[:1] == ("..",)


class Replay:
    """Makes a check's calls again, by the processes of `again`, in the directory `there`.

    Calls of one process are sent one after another without waiting, as long as none needs the answer of another.
    """

    def __init__(self, again: Mapping[Process, Process], here: str, there: str) -> None:
        self.differing: list[str] = []
        self._again = again
        self._here, self._there = here, there
        self._mapped: list[tuple[int, int, int]] = []  # address then, length, address now
        self._sent: list[tuple[Made, Pending]] = []
        self._carried = 0

    def make(self, one: Made) -> None:
        weight = carried(one)
        if self._sent and (
            self._sent[-1][0].process is not one.process or one.call in ADDRESSED
            or len(self._sent) == AHEAD or self._carried + weight > CARRIED
        ):  # fmt: skip
            self.finish()
        arguments = [moved(value, self._here, self._there) for value in one.arguments]
        if one.call in ADDRESSED:
            arguments[0] = address(arguments[0], self._mapped)
        self._sent.append((one, self._again[one.process].ahead(one.call, *arguments)))
        self._carried += weight

    def finish(self) -> None:
        """Wait for the outstanding answers, and compare them. Raises NotCompared."""
        sent, self._sent, self._carried = self._sent, [], 0
        for one, pending in sent:
            self._compare(one, pending)

    def _compare(self, one: Made, pending: Pending) -> None:
        try:
            answer = pending.answer()
            outcome = ""
        except (Refused, Died) as refusal:
            answer, outcome = None, refusal.code
        except HostTrouble:
            raise NotCompared("the host is full") from None
        if outcome != one.outcome:
            self.differing.append(
                f"{one.call}{one.arguments!r}: {one.outcome or 'success'} against {outcome or 'success'}"
            )
        elif one.call in ("open", "pipe", "bind", "inotify_init", "fanotify_init") and answer != one.answer:
            raise NotCompared("its descriptors have other numbers")
        elif one.call == "mmap" and not outcome:
            self._mapped.append((one.answer, one.arguments[1], answer))


def replayed(made: Sequence[Made], again: Mapping[Process, Process], here: str, there: str) -> list[str]:
    """Make the calls again, and return a sentence for each that had another outcome."""
    replay = Replay(again, here, there)
    for one in made:
        replay.make(one)
    replay.finish()
    return replay.differing


def carried(one: Made) -> int:
    """About how many bytes a call and its answer take in the pipes."""
    return sum(len(value) for value in (*one.arguments, one.answer) if isinstance(value, bytes | str))


def moved(value: Any, here: str, there: str) -> Any:
    """An argument, with paths of the directory `here` changed to paths of `there`."""
    if isinstance(value, str) and (value == here or value.startswith(f"{here}/")):
        return there + value.removeprefix(here)
    return [moved(part, here, there) for part in value] if isinstance(value, list | tuple) else value


def address(value: int, mapped: Sequence[tuple[int, int, int]]) -> int:
    """The address in a mapping that was made again, for an address in the old one. Raises NotCompared."""
    for then, length, now in reversed(mapped):
        if then <= value < then + length:
            return now + value - then
    raise NotCompared("it uses memory that it has not mapped")


def walked(process: Process, *tops: str) -> list[Tree]:
    """What is compared of the files under each of `tops`. Raises NotCompared."""
    walks = [process.ahead("manifest", top, CONTENT) for top in tops]
    try:
        return [walk.answer() for walk in walks]
    except Refused as refusal:
        raise NotCompared(f"its tree cannot be walked: {refusal.code}") from None


def differences(
    wanted: Tree, found: Tree, names: Mapping[str, str], besides: frozenset[str] = frozenset()
) -> list[str]:
    """How `found` differs from the reference, one sentence each, without the fields `besides`.

    `names` maps directories of the reference to those of `found`.
    """
    now = time.time_ns()
    said = []
    for path in sorted({*wanted, *found}):
        if path not in found or path not in wanted:
            said.append(f"{path} is {'missing' if path in wanted else 'there'}")
            continue
        here, reference = found[path], wanted[path]
        for name in sorted({*here, *reference} - FOREIGN - besides):
            one, other = here.get(name, "absent"), reference.get(name, "absent")
            if name == "mtime":
                one, other = age(one, now), age(other, now)
            if name == "target":
                other = next((f"{new}{other.removeprefix(old)}" for old, new in names.items()
                              if other.startswith(old)), other)  # fmt: skip
            if one != other:
                said.append(f"{path}: the {reference.get('kind', 'file')}'s {name} is {one} against {other}")
    return said


def told_of(difference: str) -> str:
    """What a sentence of a difference tells of: a field, `attribute`, `missing`, `there`, or a call's `outcome`."""
    if field_of := _FIELD.match(difference):
        return "attribute" if "." in field_of[1] else field_of[1]
    return next((word for word in ("missing", "there") if difference.endswith(f" is {word}")), "outcome")


def judge_tree(judgement: Judgement, broken: BaseException | None, recorded: Sequence[Deviation]) -> Judgement:
    """The verdict on a check whose tree was compared, if the `recorded` differences were expected.

    The check passes if every difference is recorded, because its own promise was kept. An entry of this check that
    matches no difference is `fixed`; entries of any check's tree need not match.
    """
    found = broken.differences if isinstance(broken, TreeDiffers) and judgement.verdict == "fail" else ()
    if not found and judgement.verdict != "pass":
        return judgement
    matching = [entry for entry in recorded if any(entry.matches(difference) for difference in found)]
    unknown = [difference for difference in found if not any(entry.matches(difference) for entry in matching)]
    if unknown:
        return Judgement("fail", str(TreeDiffers(unknown)))
    gone = next((entry for entry in recorded if entry not in matching and not entry.check.startswith(ANY_TREE)), None)
    if gone is not None:
        return Judgement("fixed", f"the recorded deviation of the tree did not happen: {gone.why}", gone)
    return Judgement("pass", f"{broken}, as recorded", matching[0]) if found else judgement


def age(written: str, now: int) -> str:
    """A time of modification, or "new" if it is recent, as such times differ between trees made one after the other."""
    seconds, _, nanoseconds = written.partition(".")
    return "new" if abs(int(seconds) * 10**9 + int(nanoseconds) - now) < RECENT else written
