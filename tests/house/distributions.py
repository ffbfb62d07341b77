"""How tests make the distributions of a checkout, with what is here: nothing is fetched."""

import os
import subprocess
import sys

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
#: Words after which pip builds and installs with what is here, and fetches nothing.
OFFLINE = ["-q", "--no-deps", "--no-index"]
#: Asks the build backend for a source distribution, as `python -m build --sdist` does.
SDIST = "from setuptools import build_meta; build_meta.build_sdist({!r})"


def done(argv, directory):
    """What a program prints; it has to end well. It finds what is installed, not what this process was pointed at."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [str(word) for word in argv], cwd=directory, env=environment, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
    return found.stdout


def source_of(checkout, place):
    """The source distribution of a checkout, made in `place`."""
    done([sys.executable, "-c", SDIST.format(str(place))], checkout)
    (archive,) = place.glob("*.tar.gz")
    return archive


def wheel_of(source, place):
    """The wheel of a checkout or of an unpacked source distribution, made in `place`."""
    done([*PIP, "wheel", *OFFLINE, "--no-build-isolation", "-w", place, "."], source)
    (wheel,) = place.glob("*.whl")
    return wheel
