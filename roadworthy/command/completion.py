"""The command `roadworthy completion`."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from roadworthy.declaring.known import checks_known

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a SHELL complete commands, options and checks: bash (4.4 or later), zsh or fish.

    \b
      bash   eval "$(roadworthy completion bash)"          in ~/.bashrc
      zsh    eval "$(roadworthy completion zsh)"           in ~/.zshrc, after compinit
      fish   roadworthy completion fish >~/.config/fish/completions/roadworthy.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    found = kind(context.find_root().command, {}, "roadworthy", "_ROADWORTHY_COMPLETE")
    # BashComplete.source() would start the bash of this host to ask for its version.
    click.echo(found.source_template % found.source_vars())


def checks_like(context: click.Context, parameter: click.Parameter, word: str) -> list[CompletionItem]:
    """The checks whose id begins with the word, also after a lane and a slash."""
    lane, slash, rest = word.partition("/") if word.count("/") > 1 else ("", "", word)
    return [CompletionItem(f"{lane}{slash}{name}") for name in checks_known() if name.startswith(rest)]
