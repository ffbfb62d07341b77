"""Run other programs: argument lists only, always a deadline, and an error that carries the end of their output."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from roadworthy.clock import LATE, running

#: Where every distribution has its programs.
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def search_path(users: str) -> str:
    """Where programs are looked for: the system's directories, then those that the user's PATH has besides.

    A user may have put an engine where the distribution has none. A wrapper of the user's is not taken for a program of
    the system: daemons call many by name.
    """
    return ":".join(dict.fromkeys([*SYSTEM, *(word for word in users.split(":") if word.startswith("/"))]))


#: The environment of our daemons and tools, without the user's DOCKER_HOST, proxies, locale or TMPDIR.
ENVIRONMENT = {"PATH": search_path(os.environ.get("PATH", "")), "LC_ALL": "C.UTF-8", "HOME": "/"}


class ProgramFailed(Exception):
    """A program is not installed, ended with an error, or did not end in time."""


def tied(argv: Sequence[str | os.PathLike[str]], signal: str = "KILL") -> list[str]:
    """The argument list that runs a program which gets `signal` once the thread that starts it has ended.

    That holds however the thread ends, see PR_SET_PDEATHSIG in prctl(2). The signal is not passed on to programs that
    this one starts.
    """
    return ["setpriv", "--pdeathsig", signal, "--", *[os.fspath(word) for word in argv]]


def run(argv: Sequence[str | os.PathLike[str]], seconds: float = 60) -> str:
    """Run a program for at most `seconds` and return its standard output. Raises ProgramFailed.

    Seconds in which this process was stopped do not count.
    """
    words = [os.fspath(word) for word in argv]
    if shutil.which(words[0], path=ENVIRONMENT["PATH"]) is None:
        raise ProgramFailed(f"{words[0]} is not installed")
    try:
        started = subprocess.Popen(
            tied(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=ENVIRONMENT
        )  # fmt: skip
    except FileNotFoundError:
        raise ProgramFailed("setpriv is not installed") from None
    except OSError as reason:
        raise ProgramFailed(f"{words[0]} cannot be started: {reason.strerror}") from None
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
