"""Commands that answer a mistake with the nearest valid word, and end with pytest's exit status for usage errors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from roadworthy.reports.bundle import Bundle, BundleRefused, read_bundle
from roadworthy.reports.nearest import hint
from roadworthy.reports.series import bundle_paths
from roadworthy.reports.text import visible

# Every command ends with pytest's exit status for usage errors; click's own is 2.
click.UsageError.exit_code = 4


class Commands(click.Group):
    """A group that suggests the nearest command for a misspelt one, as do the groups in it."""

    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise click.UsageError(f"no command {args[0]!r}{hint(args[0], self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


class Amount(click.FloatRange):
    """A finite number in a range; click's range lets `nan` and `inf` through."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is not an amount; name a finite number.", param, ctx)
        return found


def bundles_in(places: Iterable[Path]) -> list[Bundle]:
    """Read the run bundles at these places or directly below them, each once, and print what is wrong with any.

    Raises UsageError for a place without a bundle, and for a bundle that cannot be read.
    """
    try:
        read = [read_bundle(path) for path in bundle_paths(places)]
    except BundleRefused as reason:
        raise click.UsageError(str(reason)) from None
    for bundle in read:
        for trouble in bundle.troubles:
            click.echo(f"{visible(bundle.file)}: {visible(trouble)}", err=True)
    return read
