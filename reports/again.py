"""The shell command that runs one check on one lane again, in a checkout of the suite on any host.

It names the check by its function and its case, and not by the whole id of the test: that has the round's number in it,
and the lane's id, which is another one where `host` means another engine or kernel.
"""

from __future__ import annotations

import re
import shlex

from roadworthy.reports.records import Check, Lane

#: What stands in a plan for the path of a kernel or of an engine, which may have a name before it.
_PATH = re.compile(r"--(kernel|engine)=(\w[\w.]*=)?PATH", re.ASCII)
#: What -k takes as one word; pytest reads everything else as an expression.
_WORD = re.compile(r"[\w:+.\[\]/-]+", re.ASCII)


def rerun_command(lane: Lane, check: Check, nodeid: str, more: tuple[str, ...] = ()) -> str:
    """The command that runs the check of this test again, with `more` options."""
    options = " ".join(typed(word) for word in (*more, *words(lane)))
    return f"pytest {options} \\\n{' '.join(map(shlex.quote, target(check, nodeid)))}"


def typed(word: str) -> str:
    """An option as a shell reads it; in place of a path of another machine there is a variable, KERNEL or ENGINE."""
    found = _PATH.fullmatch(word)
    return f'{word.removesuffix("PATH")}"${found[1].upper()}"' if found else shlex.quote(word)


def target(check: Check, nodeid: str) -> list[str]:
    """The words that select the check: its function and, if it has several cases, its id.

    A case that pytest would read as an expression is named by the test's own id, which is that of this host.
    """
    function = nodeid.partition("::")[2].partition("[")[0]
    if not function or ("[" in check.id and not _WORD.fullmatch(check.id)):
        return [nodeid]
    case = ["-k", check.id] if "[" in check.id else []
    return [*case, f"{check.file}::{function}"]


def words(lane: Lane) -> list[str]:
    """The options that select the lane; those of bundles of earlier releases follow from its names."""
    if lane.words:
        return list(lane.words)
    engine = re.sub(r"^([a-z]+)-?(?=\d)", r"\1-", lane.engine)
    found = [f"--driver={lane.driver}", f"--backing={lane.backing}", f"--engine={engine}", f"--kernel={lane.kernel}"]
    # In the lane's id, module parameters stand behind the kernel and options of the driver before the backing.
    modules = lane.id.partition(f"linux{lane.kernel}")[2]
    for key, value in lane.options.items():
        kind = "kernel" if f"+{key}={value}" in modules else "driver"
        found.append(f"--{kind}-opt={key}={value}")
    return found


def where(lane: Lane) -> str:
    """What the command needs or means by `host`, in a sentence; empty if it says all itself."""
    asked = words(lane)
    paths = [found[1] for word in asked if (found := _PATH.fullmatch(word))]
    of = {"engine": f"an engine like {lane.engine}, see docs/bring-your-own-engine.md",
          "kernel": f"a kernel of series {lane.kernel}, see docs/bring-your-own-kernel.md"}  # fmt: skip
    said = [f"{axis.upper()} is the path of {of[axis]}." for axis in paths]
    own = [name for word, name in (("--engine=host", lane.engine), ("--kernel=host", f"Linux {lane.kernel}"))
           if word in asked]  # fmt: skip
    if own and not said:
        said.append(f"host is what the machine has on which you run it; here it was {' on '.join(own)}.")
    return " ".join(said)
