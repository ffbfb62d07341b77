"""How a check declares itself: its id, the trees it finds, what it needs.

@check("rename/lower-file", source="POSIX.1-2017, rename()")
@lower(old=b"data")
def test_rename_of_a_file_from_the_image(fs): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

import pytest

from roadworthy.declaring.features import Feature
from roadworthy.declaring.places import CHECKS
from roadworthy.trees.layers import Entry, Tree, beneath, entry, mistake_in

Function = TypeVar("Function", bound=Callable[..., Any])
#: Where the object under test comes from. `lower-deep` is an older layer, under one that does not touch it.
Provenance = Literal["lower", "lower-deep", "upper", "copied-up", "volume"]
PROVENANCES: tuple[Provenance, ...] = get_args(Provenance)
#: The tree of the layer above a deep object, which does not touch the object.
ABOVE: Mapping[str, Entry] = {".above": entry(b"")}


class Misdeclared(Exception):
    """A check declares what cannot be; the text says what, and what can."""


def check(
    identity: str, *, source: str = "", provenance: Provenance | tuple[Provenance, ...] = (), control: bool = False,
) -> Callable[[Function], Function]:  # fmt: skip
    """Make a test function a check.

    `identity` is `family/behaviour` and never changes. `source` says where the promise is written down. With
    several provenances the check runs once for each, with the provenance in its id.
    A `control` asks what no storage driver can influence: if it does not pass, the run says nothing about drivers.
    """
    several = (provenance,) if isinstance(provenance, str) else tuple(provenance)
    return pytest.mark.check(identity, source=source, provenances=several, control=control)


def lower(tree: Tree | None = None, /, **entries: Entry | bytes) -> Callable[[Function], Function]:
    """The tree that the check finds in its directory, in the image. Paths that are not identifiers go into `tree`."""
    return pytest.mark.layers({**(tree or {}), **entries})


def layers(*trees: Tree) -> Callable[[Function], Function]:
    """The trees that the check finds in several layers of the image, the lowest first."""
    return pytest.mark.layers(*trees)


def needs(feature: Feature) -> Callable[[Function], Function]:
    """Make the check `unsupported` on a lane whose driver and engine lack this feature."""
    return pytest.mark.needs(feature)


def capabilities(*names: str) -> Callable[[Function], Function]:
    """Give the check's container these capabilities beyond Docker's default ones, named without `CAP_`."""
    return pytest.mark.capabilities(*names)


@dataclass(frozen=True)
class Declared:
    """What a collected item declared. `slug` names its directory; `trees` are its layers, the lowest first."""

    identity: str
    family: str
    promise: str
    source: str
    provenance: Provenance
    slug: str
    trees: tuple[Mapping[str, Entry], ...] = ()
    feature: Feature = Feature.NONE
    capabilities: frozenset[str] = field(default_factory=frozenset)
    control: bool = False

    @property
    def mistake(self) -> str:
        """What is wrong with its trees, in words; then they are in no image, and the check is an error."""
        archived = self.provenance not in ("upper", "volume")
        return next(filter(None, (mistake_in(tree, archived=archived) for tree in self.trees)), "")

    def volume_trees(self) -> list[dict[str, Entry]]:
        """The trees below the check's directory for a place without layers; none that the container makes itself."""
        trees = () if self.provenance == "upper" else self.trees
        place = f"{CHECKS}/{self.slug}"
        return [beneath(place, {}), *(beneath(place, tree) for tree in trees)]

    def image_trees(self) -> list[dict[str, Entry]]:
        """The trees below the check's directory, as the image has to carry them."""
        place = f"{CHECKS}/{self.slug}"
        if self.provenance in ("upper", "volume"):
            return [beneath(place, {})]
        moved = [beneath(place, tree) for tree in self.trees] or [beneath(place, {})]
        # A deep object lies under a layer that has the same directory and does not touch the object.
        return [*moved, beneath(place, ABOVE)] if self.provenance == "lower-deep" else moved


def identity_of(item: pytest.Item) -> str:
    """The id of the check `item` with its case; empty if it is none. `declared` says all else, and takes longer."""
    mark = item.get_closest_marker("check")
    if mark is None:
        return ""
    cases = case_ids(item)
    return f"{mark.args[0]}[{'-'.join(cases)}]" if cases else str(mark.args[0])


def declared(item: pytest.Item) -> Declared | None:
    """The declaration of `item`, or None if it is not a check."""
    mark = item.get_closest_marker("check")
    if mark is None:
        return None
    whole, identity = identity_of(item), str(mark.args[0])
    provenances: tuple[Provenance, ...] = mark.kwargs["provenances"]
    trees = item.get_closest_marker("layers")
    callspec = getattr(item, "callspec", None)
    parameters = dict(callspec.params) if callspec else {}
    found = tuple({path: entry(value) for path, value in tree.items()} for tree in (trees.args if trees else ()))
    feature = Feature.NONE
    for need in item.iter_markers("needs"):
        feature |= need.args[0]
    capability = item.get_closest_marker("capabilities")
    return Declared(
        identity=whole,
        family=identity.partition("/")[0],
        promise=" ".join((getattr(item, "function", None).__doc__ or "").split()),
        source=mark.kwargs["source"],
        provenance=parameters.get("provenance") or (provenances[0] if provenances else "lower" if found else "upper"),
        slug=whole.replace("/", ".").replace("[", ".").replace("]", ""),
        trees=found,
        feature=feature,
        capabilities=frozenset(capability.args if capability else ()),
        control=mark.kwargs.get("control", False),
    )


def case_ids(item: pytest.Item) -> list[str]:
    """The ids of the item's parameters, without those of the lane and the round."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return []
    lane = callspec.params.get("lane")
    ids = list(callspec._idlist)
    ours = {lane.id if lane is not None else None, round_name(item)}
    return [word for word in ids if word not in ours]


def round_of(item: pytest.Item) -> int:
    """The round of its check that an item is, counted from 1."""
    callspec = getattr(item, "callspec", None)
    return int(callspec.params.get("round", 1)) if callspec else 1


def round_name(item: pytest.Item) -> str:
    """The word of an item's id that names its round, or an empty string if checks run once."""
    callspec = getattr(item, "callspec", None)
    return f"round{callspec.params['round']}" if callspec and "round" in callspec.params else ""
