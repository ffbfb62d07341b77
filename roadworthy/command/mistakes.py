"""Commands that answer a mistake with the nearest valid word, and end with pytest's exit status for usage errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from roadworthy.command.exits import MISTAKE
from roadworthy.extending.distributions import ExtensionError
from roadworthy.reports.bundle import Bundle, BundleRefused, read_bundle
from roadworthy.reports.joining import hindrances, mixed_rounds, mixed_schemas
from roadworthy.reports.nearest import hint
from roadworthy.reports.series import bundle_paths
from roadworthy.reports.text import visible

# Every command ends with pytest's exit status for usage errors; click's own is 2.
click.UsageError.exit_code = MISTAKE


class Commands(click.Group):
    """A group that suggests the nearest command for a misspelt one, as do the groups in it."""

    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"no command {args[0]!r}{hint(args[0], self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What another distribution adds and cannot be used is a mistake of the environment."""
        try:
            return super().invoke(ctx)
        except ExtensionError as reason:
            raise click.UsageError(str(reason)) from None


class Amount(click.FloatRange):
    """A finite number in a range; click's range lets `nan` and `inf` through."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is not an amount; name a finite number.", param, ctx)
        return found


def bundles_in(places: Iterable[Path]) -> list[Bundle]:
    """Read the run bundles at these places or directly below them, each once, and print what any of them lacks.

    Raises UsageError for a place without a bundle, and for a bundle that cannot be read.
    """
    read, refused = good_bundles_in(places)
    if refused:
        raise click.UsageError(refused[0])
    return read


def good_bundles_in(places: Iterable[Path]) -> tuple[list[Bundle], list[str]]:
    """Read the run bundles at these places as `bundles_in` does, and return a sentence for each that is refused.

    Bundles of one schema go together, the newest run's. Raises UsageError if none can be read.
    """
    read, refused = _read(places)
    if not read:
        raise click.UsageError("; ".join(refused))
    schema = max(read, key=lambda bundle: bundle.started).plan.schema
    strangers = [bundle for bundle in read if bundle.plan.schema != schema]
    refused += [f"{visible(one.file)}: expected schema {schema}, found {one.plan.schema}" for one in strangers]
    read = [bundle for bundle in read if bundle not in strangers]
    _tell_lacking(read)
    return read, refused


def runs_in(sides: Sequence[Iterable[Path]], truncated: bool, once: bool = False) -> list[list[Bundle]]:
    """Read the bundles of each side, which are one run each, as those of a night are.

    Raises UsageError with every hindrance: a bundle that cannot be read, mixed schemas on any side, and on one side a
    lane that is there twice, and bundles cut short unless `truncated` ones may be among them. With `once` bundles of a
    side have one number of rounds, too.
    """
    found = [_read(places) for places in sides]
    refused = list(dict.fromkeys(sentence for _, sentences in found for sentence in sentences))
    for read, _ in found:
        refused += hindrances(read, truncated) + (mixed_rounds(read) if once else [])
    if not refused:
        refused = mixed_schemas([bundle for read, _ in found for bundle in read])
    if refused:
        raise click.UsageError("\n".join(refused))
    for read, _ in found:
        _tell_lacking(read)
    return [read for read, _ in found]


def _read(places: Iterable[Path]) -> tuple[list[Bundle], list[str]]:
    """The bundles at these places or directly below them, each once, and a sentence for each that is refused."""
    refused: list[str] = []
    paths: dict[Path, Path] = {}
    for place in places:
        try:
            paths.update({path.resolve(): path for path in bundle_paths([place])})
        except BundleRefused as reason:
            refused.append(str(reason))
    read: list[Bundle] = []
    for path in paths.values():
        try:
            read.append(read_bundle(path))
        except BundleRefused as reason:
            refused.append(str(reason))
    return read, refused


def _tell_lacking(read: Iterable[Bundle]) -> None:
    """Print what any of the bundles lacks."""
    for bundle in read:
        for sentence in bundle.lacking:
            click.echo(f"{visible(bundle.file)}: incomplete: {visible(sentence)}", err=True)


def tell_refused(refused: Iterable[str]) -> None:
    """Print why bundles are left out."""
    for sentence in refused:
        click.echo(f"left out: {visible(sentence)}", err=True)
