"""What the companion command prints about the cache: kernels, engine roots, sizes, times; and how it fills it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence

import click

from roadworthy.programs import ProgramFailed
from roadworthy.supplies import engine_roots as roots
from roadworthy.supplies import kernels
from roadworthy.supplies.apt import AptFailed, apt
from roadworthy.supplies.bootstrap import BootstrapFailed
from roadworthy.supplies.cache import Cache, CacheEntry, CacheFailed
from roadworthy.supplies.modules import ModuleLacking
from roadworthy.versions import series as series_of

#: Errors of making an entry that the user can fix; each says how.
TROUBLE = (
    AptFailed, BootstrapFailed, CacheFailed, ModuleLacking, ProgramFailed, TimeoutError,
    kernels.KernelUnknown, roots.UnknownEngine, roots.WrongEngine,
)  # fmt: skip


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


def kernel_lines(cache: Cache, look: bool, accept_expired: bool) -> Iterator[str]:
    """Yield a heading and one line a kernel: series, suite, package, version, size, last use."""
    yield f"{'kernel':<8} {'suite':<10} {'package':<42} {'version':<14} {'size':>8}  last used"
    host = kernels.host_kernel()
    yield f"{'host':<8} {'-':<10} {host.release:<42} {'-':<14} {'-':>8}  -"
    known: set[str] = set()
    for series, suites in kernels.SERIES.items():
        entries = kernels.cached(series, cache)
        for entry in entries:
            known.add(entry.name)
            facts = entry.facts
            yield (
                f"{series:<8} {facts['suite']:<10} {facts['package']:<42} {facts['version']:<14} "
                f"{megabytes(entry.size):>8}  {used(entry)}"
            )
        for suite in suites if look else suites[:1] if not entries else ():
            package, version = current(suite, series, accept_expired) if look else ("not in the cache", "")
            yield f"{series:<8} {suite:<10} {package:<42} {version:<14} {'-':>8}  -"
    for entry in cache.entries("kernel"):
        if entry.name not in known:
            release = entry.facts["release"]
            yield f"{series_of(release):<8} {'-':<10} {release:<42} {'-':<14} {megabytes(entry.size):>8}  {used(entry)}"


def current(suite: str, series: str, accept_expired: bool) -> tuple[str, str]:
    """The package and version that a suite carries now of a series, or a phrase that says why there is none."""
    try:
        with apt(suite, accept_expired=accept_expired) as client:
            package, version = kernels.candidate(client, kernels.FLAVOURS[0])
    except TROUBLE as reason:
        return str(reason), ""
    return (package, version) if series_of(version) == series else (f"no longer carries {series}", version)


def engine_lines(cache: Cache) -> Iterator[str]:
    """Yield a heading and one line an engine root: name, suite, version, sizes of tree and image, last use."""
    yield f"{'engine':<24} {'suite':<10} {'version':<30} {'tree':>8} {'image':>8}  last used"
    for base in roots.ENGINES:
        for name in (base, f"{base}+zfs"):
            wanted = roots.root_spec(name)
            found = roots.cached_root(name, cache)
            if found:
                image = roots.cached_image(found, cache)
                size = megabytes(image.size) if image else "-"
                yield (
                    f"{name:<24} {wanted.suite:<10} {found.version:<30} {megabytes(found.entry.size):>8} {size:>8}  "
                    f"{used(found.entry)}"
                )
            elif name == base:
                yield f"{name:<24} {wanted.suite:<10} {'not in the cache':<30} {'-':>8} {'-':>8}  -"


def cache_lines(cache: Cache) -> Iterator[str]:
    """Yield one line an entry, one for each entry that is being made or was left half made, and the total."""
    entries = cache.entries()
    for entry in entries:
        name = f"{entry.kind}/{entry.name}"
        yield f"{name:<64} {megabytes(entry.size):>8}  made in {entry.seconds:>5.0f} s  {used(entry)}"
    for path in cache.leftovers():
        yield f"{path.parent.name}/{path.name}: being made, or left by a killed build, then prune removes it"
    yield f"{len(entries)} entries, {megabytes(sum(entry.size for entry in entries))} in {cache.directory}"


def used(entry: CacheEntry) -> str:
    """How long ago an entry was last used."""
    days = max(0.0, time.time() - entry.used) / 86400
    return "used today" if days < 1 else f"used {days:.0f} days ago"


def megabytes(size: int) -> str:
    """A size in bytes as text, in units of a million bytes."""
    return f"{size / 1e6:.0f} MB"
