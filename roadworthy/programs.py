"""Run other programs: argument lists only, always a deadline, and an error that carries the end of their output."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

#: The environment of our daemons and tools, without the user's DOCKER_HOST, proxies, locale or TMPDIR.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"}


class ProgramFailed(Exception):
    """A program is not installed, ended with an error, or did not end in time."""


def tied(argv: Sequence[str | os.PathLike[str]], signal: str = "KILL") -> list[str]:
    """The argument list that runs a program which gets `signal` once the thread that starts it has ended.

    That holds however the thread ends, see PR_SET_PDEATHSIG in prctl(2). The signal is not passed on to programs that
    this one starts.
    """
    return ["setpriv", "--pdeathsig", signal, "--", *[os.fspath(word) for word in argv]]


def run(argv: Sequence[str | os.PathLike[str]], seconds: float = 60) -> str:
    """Run a program for at most `seconds` and return its standard output. Raises ProgramFailed."""
    words = [os.fspath(word) for word in argv]
    if shutil.which(words[0], path=ENVIRONMENT["PATH"]) is None:
        raise ProgramFailed(f"{words[0]} is not installed")
    try:
        done = subprocess.run(
            tied(words), capture_output=True, text=True, errors="replace", timeout=seconds, env=ENVIRONMENT, check=False
        )  # fmt: skip
    except FileNotFoundError:
        raise ProgramFailed("setpriv is not installed") from None
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"{' '.join(words)} did not end within {seconds:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ProgramFailed(f"{' '.join(words)} ended with {done.returncode}: {said}")
    return done.stdout
