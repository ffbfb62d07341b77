"""Running other programs: argument lists only, always a deadline, and an error that carries their last words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

#: What our own daemons and tools see: nothing of the user's DOCKER_HOST, proxies, locale or TMPDIR.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}


class ProgramFailed(Exception):
    """A program ended with an error, or not at all."""


def run(argv: Sequence[str | os.PathLike[str]], seconds: float = 60) -> str:
    """Run a program to its end and answer its standard output. Raises ProgramFailed."""
    words = [os.fspath(word) for word in argv]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=seconds, env=ENVIRONMENT, check=False
        )  # fmt: skip
    except FileNotFoundError:
        raise ProgramFailed(f"{words[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"{' '.join(words)} did not end within {seconds:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ProgramFailed(f"{' '.join(words)} ended with {done.returncode}: {said}")
    return done.stdout
