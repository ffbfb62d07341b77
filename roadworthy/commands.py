"""Commands that answer a mistake with the nearest right word, and with the exit status that pytest gives to one."""

from __future__ import annotations

import difflib
from typing import Any

import click

#: The exit status of a mistake on the command line, as pytest has it.
USAGE = 4


class Usage(click.UsageError):
    """A mistake on the command line."""

    exit_code = USAGE


class Strict(click.Command):
    """A command whose usage errors end with the status that pytest gives to them."""

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **settings)
        except click.UsageError as reason:
            raise Usage(reason.format_message(), reason.ctx) from None


class Commands(click.Group):
    """Names the nearest command for a misspelt one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise Usage(f"no command {args[0]!r}{hint} Known: {', '.join(self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)
