"""What the companion command prints about the cache: kernels, engine roots, sizes, times; and how it fills it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import click

from roadworthy.command.answer import Answer, Line, Table
from roadworthy.programs import ProgramFailed
from roadworthy.supplies import engine_roots as roots
from roadworthy.supplies import kernel_lists, kernels
from roadworthy.supplies.apt import AptFailed, apt
from roadworthy.supplies.bootstrap import BootstrapFailed
from roadworthy.supplies.cache import Cache, CacheEntry, CacheFailed, Pruned
from roadworthy.supplies.modules import ModuleLacking
from roadworthy.versions import series as series_of

#: Errors of making an entry that the user can fix; each says how.
TROUBLE = (
    AptFailed, BootstrapFailed, CacheFailed, ModuleLacking, ProgramFailed, TimeoutError,
    kernels.KernelUnknown, roots.UnknownEngine, roots.WrongEngine,
)  # fmt: skip


#: What stands in a table in place of a version.
ABSENT = "not in the cache"


class Kernel(NamedTuple):
    """A row about a kernel; sizes are in bytes."""

    kernel: str
    suite: str
    package: str
    version: str = ""
    size: int | None = None
    used: str = ""


class Engine(NamedTuple):
    """A row about an engine root; sizes are in bytes."""

    engine: str
    suite: str
    version: str = ""
    tree: int | None = None
    image: int | None = None
    used: str = ""


@contextlib.contextmanager
def said(name: str) -> Iterator[None]:
    """A stage that prints its name and its seconds on standard error."""
    began = time.monotonic()
    click.echo(f"{name} …", err=True)
    yield
    click.echo(f"{name}: {time.monotonic() - began:.0f} s", err=True)


def make(one: Callable[[str, bool], None], names: Sequence[str], accept_expired: bool) -> None:
    """Make each entry; the first error ends the command with its text. Raises UsageError, ClickException.

    Nobody but their owner may write the entries, whatever the umask was: programs in them are run.
    """
    os.umask(os.umask(0o022) | 0o022)
    for name in names:
        try:
            one(name, accept_expired)
        except (kernels.KernelUnknown, roots.UnknownEngine) as reason:
            raise click.UsageError(str(reason)) from None
        except TROUBLE as reason:
            raise click.ClickException(str(reason)) from None


def make_kernel(name: str, accept_expired: bool) -> None:
    kernels.modules_image(kernels.kernel(name, accept_expired=accept_expired, stage=said), stage=said)


def make_engine(name: str, accept_expired: bool) -> None:
    roots.engine_image(roots.engine_root(name, accept_expired=accept_expired, stage=said), stage=said)


def kernel_answer(cache: Cache, look: bool, accept_expired: bool) -> Answer:
    """The kernels by name: series, suite, package, version, size, last use."""
    rows = [Kernel("host", "", kernels.host_kernel().release)]
    known: set[str] = set()
    if look:
        with contextlib.suppress(AptFailed):  # the rows of releases say why
            kernel_lists.listed(cache, accept_expired, said)
    listed = kernel_lists.last_listed(cache)
    for series in kernels.series_known(cache):
        entries = kernels.cached(series, cache)
        for entry in entries:
            known.add(entry.name)
            facts = entry.facts
            rows.append(Kernel(series, facts["suite"], facts["package"], facts["version"], entry.size, used(entry)))
        if series not in kernels.SERIES:
            found = kernel_lists.of_series(listed, series, kernels.FLAVOURS[0])
            rows += [Kernel(series, one.suite, one.package) for one in found if look or not entries]
            continue
        suites = kernels.SERIES[series]
        for suite in suites if look else suites[:1] if not entries else ():
            package, version = current(suite, series, accept_expired) if look else (ABSENT, "")
            rows.append(Kernel(series, suite, package, version))
    for entry in cache.entries("kernel"):
        if entry.name not in known:
            release = entry.facts["release"]
            rows.append(Kernel(series_of(release), "", release, "", entry.size, used(entry)))
    shown = [
        (one.kernel, one.suite or "-", one.package, one.version or "-", size(one.size), one.used or "-") for one in rows
    ]
    head = ("kernel", "suite", "package", "version", "size", "last use")
    return Answer({"kernels": [one._asdict() for one in rows]}, [Table(head, shown)])


def current(suite: str, series: str, accept_expired: bool) -> tuple[str, str]:
    """The package and version that a suite carries now of a series, or a phrase that says why there is none."""
    try:
        with apt(suite, accept_expired=accept_expired) as client:
            package, version = kernels.candidate(client, kernels.FLAVOURS[0])
    except TROUBLE as reason:
        return str(reason), ""
    return (package, version) if series_of(version) == series else (f"no longer carries {series}", version)


def engine_answer(cache: Cache) -> Answer:
    """The engine roots: name, suite, version, sizes of tree and image, last use."""
    rows = []
    for base in roots.ENGINES:
        for name in (base, f"{base}+zfs"):
            wanted = roots.root_spec(name)
            found = roots.cached_root(name, cache)
            if found:
                image = roots.cached_image(found, cache)
                sizes = found.entry.size, image.size if image else None
                rows.append(Engine(name, wanted.suite, found.version, *sizes, used(found.entry)))
            elif name == base:
                rows.append(Engine(name, wanted.suite))
    shown = [
        (one.engine, one.suite, one.version or ABSENT, size(one.tree), size(one.image), one.used or "-") for one in rows
    ]
    head = ("engine", "suite", "version", "tree", "image", "last use")
    return Answer({"engines": [one._asdict() for one in rows]}, [Table(head, shown)])


def cache_answer(cache: Cache) -> Answer:
    """Each entry, each that is being made or was left half made, and the total."""
    entries = cache.entries()
    halves = [f"{path.parent.name}/{path.name}" for path in cache.leftovers()]
    total = sum(entry.size for entry in entries)
    data = {
        "directory": str(cache.directory), "bytes": total, "half_made": halves,
        "entries": [
            {"kind": one.kind, "name": one.name, "bytes": one.size, "seconds": round(one.seconds, 1), "used": used(one)}
            for one in entries
        ],
    }  # fmt: skip
    rows = [(f"{one.kind}/{one.name}", size(one.size), f"made in {one.seconds:.0f} s", used(one)) for one in entries]
    said = [Line(f"{half}: being made, or left by a killed build, then prune removes it") for half in halves]
    told = Line(f"{len(entries)} entries, {megabytes(total)} in {cache.directory}")
    return Answer(data, [Table(("entry", "size", "cost", "last use"), rows), *said, told])


def pruned_answer(done: Sequence[Pruned]) -> Answer:
    """What was removed, what was kept and why, and the room that it made."""
    freed, kept = sum(one.size for one in done if not one.kept), sum(bool(one.kept) for one in done)
    data = {
        "removed": [str(one.path) for one in done if not one.kept],
        "kept": {str(one.path): one.kept for one in done if one.kept}, "bytes": freed,
    }  # fmt: skip
    lines = [Line(f"kept {one.path}: {one.kept}" if one.kept else f"removed {one.path}") for one in done]
    return Answer(data, [*lines, Line(f"{megabytes(freed)} freed" + (f", {kept} things kept" if kept else ""))])


def used(entry: CacheEntry) -> str:
    """How long ago an entry was last used."""
    days = max(0.0, time.time() - entry.used) / 86400
    return "used today" if days < 1 else f"used {days:.0f} days ago"


def megabytes(size: int) -> str:
    """A size in bytes as text, in units of a million bytes."""
    return f"{size / 1e6:.0f} MB"


def size(known: int | None) -> str:
    """A size in a table, where it may not be known."""
    return "-" if known is None else megabytes(known)
