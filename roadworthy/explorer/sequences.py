"""How sequences are drawn: few names at a time, so that the operations affect each other.

Everything is drawn from short lists, the simplest first: hypothesis shrinks towards the front of a list.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from roadworthy.explorer.operations import FORMS, PROCESSES, USER, Operation, Sequence
from roadworthy.explorer.seeds import ATTRIBUTES, PATHS, SET_TIMES

#: The most operations of a sequence.
LONGEST = 24
#: The fewest operations of a sequence, drawn from these: without a minimum, lists are short; with any minimum but the
#: first, a sequence cannot be shrunk to one operation.
FEWEST = (1, 5, 10)
#: What new symbolic links point to.
TARGETS = ("low", "both", "dir", "nowhere")
MODES = (0o644, 0o600, 0o755, 0o6755, 0o1777, 0o2755, 0o000)
OWNERS = ((0, 0), (USER, USER), (USER, 0), (-1, USER))
SIZES = (0, 3, 20, 5000)
OFFSETS = (0, 2, 4095)
DATA = (b"a", b"written", b"")
OPEN_FLAGS = (
    os.O_RDONLY, os.O_RDONLY, os.O_RDONLY, os.O_RDWR, os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_CREAT,
    os.O_WRONLY | os.O_CREAT | os.O_EXCL, os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_APPEND,
    os.O_RDWR | os.O_CREAT | os.O_TRUNC,
    os.O_RDONLY | os.O_DIRECTORY, os.O_RDONLY | os.O_NOFOLLOW, os.O_RDONLY | os.O_TRUNC,
)  # fmt: skip

#: The choices for an operation's arguments besides its paths and its slot, in their order.
FURTHER: dict[str, tuple[tuple[Any, ...], ...]] = {
    "open": (OPEN_FLAGS,),
    "reopen": ((os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC),),
    "read": ((4, 64),),
    "pread": ((64, 4), OFFSETS),
    "write": (DATA,),
    "pwrite": (DATA, OFFSETS),
    "lseek": ((0, 3), (os.SEEK_SET, os.SEEK_END, os.SEEK_CUR)),
    "ftruncate": (SIZES,),
    "fallocate": (OFFSETS, (1, 5000)),
    "fchmod": (MODES,),
    "fchown": (OWNERS,),
    "futimens": (SET_TIMES, SET_TIMES),
    "fsetxattr": (ATTRIBUTES, (b"v",)),
    "map": ((False, False, True),),
    "peek": ((16,),),
    "poke": ((b"poked",),),
    "getxattr": (ATTRIBUTES,),
    "truncate": (SIZES,),
    "chmod": (MODES,),
    "chown": (OWNERS,),
    "lchown": (OWNERS,),
    "utimens": (SET_TIMES, SET_TIMES),
    "lutimens": (SET_TIMES, SET_TIMES),
    "setxattr": (ATTRIBUTES, (b"v", b"")),
    "removexattr": (ATTRIBUTES,),
    "mkdir": ((0o755, 0o700),),
}
#: Names that are files, or become files when they are opened with O_CREAT.
FILES = (
    "low",
    "deep",
    "one",
    "two",
    "over",
    "users",
    "setid",
    "dir/q",
    "both/x",
    "opaque/new",
    "link",
    "new",
    "dir/new",
)
#: Themes: a sequence draws its names and its operations from one of these, because few of all of them affect each
#: other. What a list has several times is drawn as often.
THEMES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (PATHS, (*FORMS, "open", "open", "open", "rename", "map")),
    # names
    (PATHS, ("rename", "rename", "noreplace", "exchange", "link", "unlink", "rmdir", "mkdir", "symlink", "listdir",
             "lstat", "readlink", "load", "open", "tmpfile", "linkfd")),
    # data in memory
    (FILES, ("open", "open", "open", "map", "map", "peek", "peek", "pwrite", "pwrite", "truncate", "ftruncate", "poke",
             "pread", "rename")),
    # metadata
    (PATHS, ("chmod", "chown", "lchown", "utimens", "lutimens", "setxattr", "removexattr", "getxattr", "listxattr",
             "stat", "lstat", "truncate", "link", "open", "write", "fchmod", "fchown", "futimens", "fsetxattr",
             "fstat")),
    # open files
    (FILES, ("open", "open", "open", "reopen", "dup", "close", "read", "pread", "write", "pwrite", "lseek", "ftruncate",
             "fallocate", "fsync", "fstat", "fchmod", "fchown", "futimens", "fsetxattr", "linkfd", "unlink", "unlink",
             "rename", "load")),
)  # fmt: skip
#: Operations that need a descriptor or a mapping to write through.
WRITES = ("write", "pwrite", "ftruncate", "fallocate", "poke")


@dataclass(frozen=True)
class Draft:
    """An operation as it is drawn: `back` counts the slots that the sequence has filled, the last one being 0.

    `opens` is the path that it opens if there is no slot yet to work on.
    """

    process: int
    name: str
    arguments: tuple[Any, ...]
    back: int
    opens: str = ""


@st.composite
def sequences(draw: Any, processes: int = len(PROCESSES)) -> Sequence:
    """Draw a sequence of up to `processes` processes."""
    attentive = draw(st.booleans())
    known, theme = draw(st.sampled_from(THEMES))
    names = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
    several = draw(st.sampled_from(range(1, processes + 1)))
    fewest = draw(st.sampled_from(FEWEST))
    drawn = draw(st.lists(drafts(theme, names, several), min_size=fewest, max_size=LONGEST))
    return Sequence(attentive, settled(drawn))


@st.composite
def drafts(draw: Any, theme: tuple[str, ...], names: list[str], processes: int) -> Draft:
    """Draw one operation of a theme on some of these names."""
    name = draw(st.sampled_from(theme))
    form = FORMS[name]
    process = draw(st.sampled_from(range(processes)))
    on_slot = form.on_descriptor or form.on_mapping
    back = draw(st.sampled_from(range(3))) if on_slot else 0
    opens = draw(st.sampled_from(names)) if on_slot else ""
    arguments = [draw(st.sampled_from(names)) for _ in form.paths]
    if name == "symlink":
        arguments.insert(0, draw(st.sampled_from(TARGETS)))
    for choices in FURTHER.get(name, ()):
        chosen = draw(st.sampled_from(choices))
        arguments += chosen if isinstance(chosen, tuple) else [chosen]
    return Draft(process, name, tuple(arguments), back, opens)


def settled(drawn: Iterable[Draft]) -> tuple[Operation, ...]:
    """Give the operations their slots: each works on a slot that its process has filled, and fills a new one.

    If there is no such slot, an operation that fills one is added before. A draft counts slots backwards, so that its
    meaning changes little when shrinking removes an earlier one.
    """
    found: list[Operation] = []
    filled: dict[str, list[tuple[int, int]]] = {"descriptor": [], "mapping": []}

    def add(process: int, name: str, arguments: tuple[Any, ...], slot: int | None = None) -> None:
        form, into = FORMS[name], None
        if form.makes:
            into = sum(one.process == process and one.form.makes == form.makes for one in found)
            filled[form.makes].append((process, into))
        found.append(Operation(process, name, arguments, slot, into))

    for draft in drawn:
        form, process, slot = FORMS[draft.name], draft.process, None
        if form.on_descriptor or form.on_mapping:
            held = filled["mapping" if form.on_mapping else "descriptor"]
            if not held and (form.on_descriptor or not filled["descriptor"]):
                add(process, "open", (draft.opens, os.O_RDWR if draft.name in WRITES else os.O_RDONLY))
            if not held:
                process, slot = filled["descriptor"][-1]
                add(process, "map", (draft.name in WRITES,), slot)
            place = -1 - draft.back % len(held)
            process, slot = held[place]
            if draft.name in ("close", "unmap"):
                del held[place]
        add(process, draft.name, draft.arguments, slot)
    return tuple(found)
