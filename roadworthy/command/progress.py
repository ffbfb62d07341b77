"""What a command says on standard error while its reader waits for more than two seconds."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

import click

#: Seconds after which a reader wants to know what is going on, and from one word to the next.
PATIENCE, EVERY = 2.0, 1.0


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Say what is going on once the block has run for two seconds: on a terminal with its seconds, else in one line."""
    over = threading.Event()
    began = time.monotonic()
    terminal = sys.stderr.isatty()

    def told() -> None:
        if over.wait(PATIENCE):
            return
        click.echo(f"{what} …", nl=not terminal, err=True)
        while terminal and not over.wait(EVERY):
            click.echo(f"\r\033[K{what} … {time.monotonic() - began:.0f} s", nl=False, err=True)
        if terminal:
            click.echo("\r\033[K", nl=False, err=True)

    teller = threading.Thread(target=told, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
