"""Which recorded deviation a divergence is, if any.

A rule says how the breach of a check's promise shows in a divergence. Only `conformance/deviations/*.toml` says whether
the breach is recorded on this lane: without an entry that applies, the divergence is new.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.declaring.checks import PROVENANCES
from roadworthy.explorer.divergence import Divergence
from roadworthy.explorer.operations import Operation
from roadworthy.verdict.deviations import Deviation, Deviations, Facts

#: Fields of a file's content, and of its metadata.
CONTENT = ("data", "size", "checksum", "entry")
ATTRIBUTES = ("mode", "owner", "mtime")
MOVES = ("rename", "noreplace")
HELD = ("fchmod", "fchown", "fsetxattr")


@dataclass(frozen=True)
class Rule:
    """How a breach shows: the divergence has all of `traits`, one of `names`, and one of the fields `what`.

    An empty tuple admits any. `answer` is the driver's outcome in a word; an empty one admits any.
    """

    check: str
    names: tuple[str, ...] = ()
    what: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    answer: str = ""
    #: Whether the two modes may differ in the set-user-ID and set-group-ID bits only.
    disarmed: bool = False
    #: The layer state; `after` are operations that must have been made on the path before.
    state: str = ""
    after: tuple[str, ...] = ()
    #: An operation that the sequence must have made, on any path.
    made: str = ""

    def fits(self, found: Divergence) -> bool:
        return (
            (not self.names or found.name in self.names)
            and (not self.what or found.what in self.what or (found.what.startswith("user.") and "xattr" in self.what))
            and found.traits.issuperset(self.traits)
            and (not self.answer or (found.what == "answer" and found.driver == self.answer))
            and (not self.disarmed or disarmed(found.driver, found.reference))
            and (not self.state or found.state == self.state)
            and set(self.after) <= before(found)
            and (not self.made or self.made in {operation.name for operation in made(found)})
        )


def made(found: Divergence) -> Sequence[Operation]:
    """The operations of the sequence up to the one that shows the difference."""
    return found.sequence.operations[: found.position + 1]


def before(found: Divergence) -> set[str]:
    """The names of those operations whose first path is the divergence's."""
    return {operation.name for operation in made(found) if operation.paths and operation.paths[0] == found.path}


def disarmed(driver: str, reference: str) -> bool:
    """Whether two modes differ, and in their set-id bits only."""
    return int(driver, 8) != int(reference, 8) and int(driver, 8) | 0o6000 == int(reference, 8) | 0o6000


RULES = (
    Rule("rename/merged-dir", MOVES, ("answer",), ("lower directory", "merged"), "EXDEV"),
    Rule("rename/lower-populated-dir", MOVES, ("answer",), ("lower directory", "populated"), "EXDEV"),
    Rule("rename/lower-empty-dir", MOVES, ("answer",), ("lower directory", "empty"), "EXDEV"),
    Rule("rename/exchange-lower-dirs", ("exchange",), ("answer",), ("lower directory",), "EXDEV"),
    Rule("rename/exchange-file-with-lower-dir", ("exchange",), ("answer",), ("lower directory",), "EXDEV"),
    Rule("rename/directory-over-removed-file", what=("answer", "entry"), state="whiteout", after=("mkdir", "rename")),
    Rule(
        "rename/directory-over-removed-file", what=("answer", "entry"), state="whiteout", after=("mkdir", "noreplace")
    ),
    # The directory is exchanged without its lower entries: a name is missing, or a listing finds a file's name.
    Rule("rename/exchange-file-with-lower-dir", what=("answer", "entry"), made="exchange"),
    # The name that a descriptor was opened by is removed; without an index, the file's other name makes no difference.
    Rule("unlink/fchmod-on-unlinked-lower", HELD, ("answer",), ("links below",), "EEXIST"),
    Rule("unlink/futimens-on-unlinked-lower", ("futimens",), ("answer",), ("links below",), "EEXIST"),
    Rule("unlink/proc-reopen-rw", ("reopen",), ("answer",), ("links below",), "EEXIST"),
    # One file on the volume, two on a driver that copied up one of the names.
    Rule("link/nlink-after-sibling-unlink", what=("nlink",), traits=("links below",)),
    Rule("rename/self-hardlink-noop", what=("entry", "answer"), traits=("links below",)),
    Rule("link/lower-pair-after-chmod", what=(*ATTRIBUTES, "xattr"), traits=("links below", "copied")),
    Rule("link/lower-pair-after-write", what=(*CONTENT, "inode", "same file as", "nlink"), traits=("links below",)),
    Rule(
        "link/write-survives-unlink", what=(*CONTENT, *ATTRIBUTES, "xattr", "inode", "nlink"), traits=("links below",)
    ),
    # The mapping is of the file that the descriptor was opened on, which after copy-up is the old one.
    Rule("mmap/ro-shared-map-sees-write", ("peek",), traits=("early map", "copied")),
    Rule("mmap/new-map-from-old-ro-fd", ("peek",), traits=("early map", "copied")),
    Rule("mmap/ro-shared-map-sees-truncate", ("peek",), traits=("early map", "copied")),
    # A copy that lacks metadata of the file.
    Rule("copyup/preserves-owner-mode-times", what=("mode",), traits=("copied",), disarmed=True),
    Rule("copyup/symlink-keeps-owner", what=("mtime", "owner"), traits=("symlink", "copied")),
    Rule("tree/mtime-of-the-directory-of-a-copy", what=("mtime",), traits=("lower directory",)),
    # A lower file without a name cannot be copied up.
    Rule("unlink/fchmod-on-unlinked-lower", HELD, ("answer",), ("unlinked lower",)),
    Rule("unlink/futimens-on-unlinked-lower", ("futimens",), ("answer",), ("unlinked lower",)),
    Rule("unlink/proc-reopen-rw", ("reopen",), ("answer",), ("unlinked lower",)),
    Rule("unlink/open-lower-fd-nlink", ("fstat",), ("nlink",), ("unlinked lower",)),
    Rule("open/o-tmpfile", ("tmpfile",), ("answer",)),
)


class Recorded:
    """The recorded deviations of one lane. `facts` gives what their conditions are compared with, by provenance."""

    def __init__(self, deviations: Deviations, facts: Callable[[str], Facts]) -> None:
        self._deviations = deviations
        self._facts: Mapping[str, Facts] = {provenance: facts(provenance) for provenance in PROVENANCES}

    def find(self, found: Divergence) -> Deviation | None:
        """The deviation that the divergence is, or None."""
        for rule in RULES:
            if not rule.fits(found):
                continue
            for facts in self._facts.values():
                deviation = self._deviations.find(rule.check, facts)
                if deviation is not None and agrees(deviation.signature, found):
                    return deviation
        return None


def agrees(signature: str, found: Divergence) -> bool:
    """Whether the difference agrees with an entry's signature; the errno of a refusal has to be the driver's answer."""
    refusal = re.fullmatch(r"'(E[A-Z]+)' == 'success'", signature)
    return refusal is None or (found.what == "answer" and found.driver == refusal[1])
