"""Run other programs: argument lists only, always a deadline, and an error that carries the end of their output."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from roadworthy.clock import LATE, running

#: The environment of our daemons and tools, without the user's DOCKER_HOST, proxies, locale or TMPDIR.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}


class ProgramFailed(Exception):
    """A program is not installed, ended with an error, or did not end in time."""


def run(argv: Sequence[str | os.PathLike[str]], seconds: float = 60) -> str:
    """Run a program for at most `seconds` and return its standard output. Raises ProgramFailed.

    Seconds in which this process was stopped do not count.
    """
    words = [os.fspath(word) for word in argv]
    try:
        started = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=ENVIRONMENT
        )  # fmt: skip
    except FileNotFoundError:
        raise ProgramFailed(f"{words[0]} is not installed") from None
    with started:
        try:
            output, errors = ended(started, seconds)
        except subprocess.TimeoutExpired:
            started.kill()
            raise ProgramFailed(f"{' '.join(words)} did not end within {seconds:g} s") from None
        except BaseException:
            started.kill()
            raise
    if started.returncode:
        said = (errors or output).strip()[-2000:]
        raise ProgramFailed(f"{' '.join(words)} ended with {started.returncode}: {said}")
    return output


def ended(started: subprocess.Popen[str], seconds: float) -> tuple[str, str]:
    """The outputs of a program once it has ended. Raises TimeoutExpired."""
    end = running() + seconds
    while True:
        left = end - running()
        try:
            return started.communicate(timeout=max(0.0, min(left, LATE)))
        except subprocess.TimeoutExpired:
            if left <= 0:
                raise
