"""What a page publishes of a bundle: facts and options from a list, kernel messages of storage, and redacted texts.

A bundle is kept by whoever made it, and records all it can. A page is for everybody. Whatever a later release records
is therefore not published before it stands here.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from roadworthy.reports.bundle import Bundle
from roadworthy.reports.environment import mount_options
from roadworthy.reports.records import Check, Deviation, LaneRecord, Plan, Result
from roadworthy.reports.redaction import REMEMBERED, Redaction

Value = TypeVar("Value")

#: The facts of a lane that a page shows, as dotted names.
FACTS = re.compile(
    r"engine\.(version|api|Engine|containerd|runc|docker-init|Conmon|Podman Engine|OCI Runtime \(\w+\)|driver|mutant)"
    r"|engine\.driver_status\.\d+\.\d+"
    r"|driver\.name"
    r"|driver\.status\.(Backing Filesystem|Supports d_type|Native Overlay Diff|userxattr|Using metacopy"
    r"|Supports shifting|Supports volatile|Build Version|Library Version|driver-type|Base Device Size|Pool Blocksize"
    r"|Compression|Udev Sync Supported|Deferred (Removal|Deletion) Enabled|Thin Pool Minimum Free Space|Zpool Health"
    r"|Parent Quota)"
    r"|backing\.(file system|made by|mount)|container root|mounts\.\d+\.(fstype|options)"
    r"|kernel\.(release|upstream|version|machine|accelerator|tainted|engine root|deadlines stretched by|command line)"
    r"|kernel\.overlay parameters\.\w+|parameters\.overlay\.\w+"
    r"|cgroup driver|toolbox\.\w+|tools\.\w+|host\.(processors|memory)"
    r"|reference\.(compared|not compared\..*)|repeat\..*|mutant\.(name|fault|families.*|hits.*)|fake"
)
#: Lines of mountinfo, of which the file system and its options are shown; the rest are paths and numbers of a host.
_MOUNTS = re.compile(r"backing\.mount|container root")
#: Words of a kernel's command line that verdicts may depend on.
_WORDS = re.compile(
    r"(?:overlay|fuse|btrfs|ext4|xfs|erofs|zfs|spl|aufs|loop|dm_\w+)\.\w+=[\w.,-]+"
    r"|(?:mitigations|psi|transparent_hugepage|cgroup_\w+|systemd\.unified_cgroup_hierarchy|swiotlb|preempt)=[\w.,-]+"
    r"|nomodule|quiet"
)
#: A command line as it was published, which a bundle of what was published has.
_COUNTED = re.compile(rf"(?:(?:{_WORDS.pattern}) )*(?:\d+ words|and \d+ more)")
#: What a page shows of the suite.
SUITE = ("version", "commit", "changes", "dirty")
#: Options of a run that say what was asked, with or without a value; those that select lanes are seen in the lanes.
ASKED = ("-m", "-k", "-n", "--repeat", "--cuts", "--random-order", "--bench-seconds", "--matrix")
ALONE = ("--isolate", "--no-reference", "--keep-logs", "--benchmark-only", "--accept-expired-suites")

#: Kernel messages that are published: of file systems and block devices, and of what a crash reports.
_LOG = re.compile(
    r"^(?:\[ *\d+\.\d+\] *)?(?:"
    r"EXT4-fs|XFS|BTRFS|overlayfs|overlay|aufs|fuse|erofs|EROFS|SQUASHFS|tmpfs|JBD2|jbd2|ZFS|SPL|VERIFY|PANIC at"
    r"|loop\d*|device-mapper|dm-\d+|blk_|Buffer I/O|I/O error|critical |print_req_error|[svx]?v?d[a-z]\d*:|nbd"
    r"|Adding \d+k swap|\w+: \d+ callbacks suppressed|[\w.-]+\[\d+\]: segfault|BUG|WARNING|Oops|general protection"
    r"|kernel BUG|INFO: |rcu|watchdog|Kernel panic|RIP|RSP|R[A-D1-9S]|CR2|Code:|CS:|FS:|Call Trace|Call trace"
    r"| *<(?:/?TASK|/?IRQ)>| *\? ?\w+\+0x| *\w+\+0x|#PF|PGD|PKRU|CPU:|Tainted|---\[|=====|-----|Allocated|Freed"
    r"|The buggy|Memory state|page:|Workqueue|Out of memory|lr :|pc :|sp :|x\d+ ?:"
    r")"
)
#: What stands in place of other kernel messages.
NOT_OF_STORAGE = "({} messages that are not of storage are in the bundle)"
_NOT_OF_STORAGE = re.compile(re.escape(NOT_OF_STORAGE).replace(r"\{\}", r"\d+"))


def published(bundle: Bundle, redact: Redaction) -> Bundle:
    """The bundle as a page may show it."""
    results = tuple(published_result(result, redact) for result in bundle.results)
    return dataclasses.replace(
        bundle,
        plan=redacted(_of_plan(bundle.plan), redact),
        lanes=tuple(redacted(_of_lane(lane), redact) for lane in bundle.lanes),
        results=results,
        benchmarks=tuple(redacted(one, redact) for one in bundle.benchmarks),
        trends=tuple(redacted(one, redact) for one in bundle.trends),
        counts=tuple(redacted(one, redact) for one in bundle.counts),
        end=redacted(bundle.end, redact) if bundle.end else None,
        troubles=tuple(map(redact, bundle.troubles)),
    )


def published_result(result: Result, redact: Redaction) -> Result:
    """One result as a page may show it."""
    return redacted(_of_result(result), redact)


def redacted(value: Value, redact: Redaction) -> Value:
    """A record, or anything else of plain values, with every text in it redacted, keys too."""
    found: Value = _walked(value, redact)
    return found


def _walked(one: Any, redact: Redaction) -> Any:
    """What nothing is hidden in is itself and no copy: most records are, and a bundle has very many."""
    kind = type(one)
    if kind is str:
        return redact(one)
    if kind in _PLAIN:
        return one
    if kind is list or kind is tuple:
        return _walked_list(one, redact) if one else one
    if kind is dict:
        found = {_walked(key, redact): _walked(item, redact) for key, item in one.items()}
        return found if found != one else one
    if kind in _REPEATED:
        known = redact.records.get(one)
        if known is None:
            if len(redact.records) >= REMEMBERED:
                redact.records.clear()
            known = redact.records[one] = _walked_struct(one, redact)
        return known
    return _walked_struct(one, redact) if isinstance(one, msgspec.Struct) else one


def _walked_struct(one: Any, redact: Redaction) -> Any:
    changed = {}
    for name in one.__struct_fields__:
        old = getattr(one, name)
        kind = type(old)
        if kind in _PLAIN:
            continue
        new = redact(old) if kind is str else _walked(old, redact)
        if new is not old:
            changed[name] = new
    return msgspec.structs.replace(one, **changed) if changed else one


#: Kinds of values in which nothing can be hidden.
_PLAIN = frozenset({int, float, bool, type(None)})
#: Records that stand in every bundle of a night, and of which one is enough. They have no fields but texts and numbers.
_REPEATED = frozenset({Check, Deviation})


def _walked_list(one: Any, redact: Redaction) -> Any:
    parts = [redact(item) if type(item) is str else _walked(item, redact) for item in one]
    return one if all(map(operator.is_, parts, one)) else type(one)(parts)


def _of_plan(plan: Plan) -> Plan:
    suite = {name: plan.suite[name] for name in SUITE if name in plan.suite}
    return msgspec.structs.replace(plan, suite=suite, argv=options(plan.argv))


def options(argv: Sequence[str]) -> list[str]:
    """The words of a command line that say what was asked of the lanes."""
    found: list[str] = []
    for place, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if word in ALONE or (name in ASKED and equals):
            found.append(f"{name}={value.rpartition('/')[2]}" if name == "--matrix" else word)
        elif word in ASKED:
            found += argv[place : place + 2]
    return found


def _of_lane(record: LaneRecord) -> LaneRecord:
    return msgspec.structs.replace(record, facts=_listed("", record.facts) or {})


def _listed(name: str, value: Any) -> Any:
    """The part of nested facts that is listed; None if none of it is."""
    if isinstance(value, dict):
        found = {key: part for key, item in value.items() if (part := _listed(_below(name, key), item)) is not None}
        return found or None
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return [part for at, item in enumerate(value) if (part := _listed(f"{name}.{at}", item)) is not None] or None
    if isinstance(value, list):
        return value if FACTS.fullmatch(f"{name}.0") or FACTS.fullmatch(name) else None
    if not FACTS.fullmatch(name):
        return None
    if _MOUNTS.fullmatch(name):
        return mount_options(str(value))
    if name == "kernel.command line":
        return _command_line(str(value))
    return value


def _below(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _command_line(text: str) -> str:
    """The words of a kernel's command line that verdicts may depend on, and how many others there are."""
    if _COUNTED.fullmatch(text):
        return text
    every = text.split()
    words = [word for word in every if _WORDS.fullmatch(word)]
    others = len(every) - len(words)
    return " ".join(words) + (f" and {others} more" if words and others else f"{others} words" if others else "")


def _of_result(result: Result) -> Result:
    if not result.kernel_log:
        return result
    kept = [line for line in result.kernel_log if _LOG.match(line) or _NOT_OF_STORAGE.fullmatch(line)]
    if len(kept) < len(result.kernel_log):
        kept.append(NOT_OF_STORAGE.format(len(result.kernel_log) - len(kept)))
    return msgspec.structs.replace(result, kernel_log=kept)
