"""Fresh Python environments with the suite's wheel, made from this checkout and from nothing else."""

import os
import subprocess
import sys
import sysconfig
import tarfile

from newcomer import Newcomer

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
#: Words after which pip builds and installs with what is here, and fetches nothing.
OFFLINE = ["-q", "--no-deps", "--no-index"]
#: Asks the build backend for a source distribution, as `python -m build --sdist` does.
SDIST = "from setuptools import build_meta; build_meta.build_sdist({!r})"


def ran(argv, directory):
    """A program that has ended: its output and its status. It finds what is installed, not what this process was
    pointed at."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("PYTEST_")
    }
    return subprocess.run(
        [str(word) for word in argv], cwd=directory, env=environment, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def done(argv, directory):
    """What a program prints; it has to end well."""
    found = ran(argv, directory)
    assert found.returncode == 0, found.stdout
    return found.stdout


def source_of(checkout, place):
    """The source distribution of a checkout, made in `place`."""
    done([sys.executable, "-c", SDIST.format(str(place))], checkout)
    (archive,) = place.glob("*.tar.gz")
    return archive


def unpacked(archive, place):
    """A source distribution, unpacked below `place`: its directory."""
    with tarfile.open(archive) as file:
        file.extractall(place / "unpacked", filter="data")
    (found,) = (place / "unpacked").iterdir()
    return found


def unpacked_source(place):
    """A source distribution of this checkout, unpacked: its directory."""
    return unpacked(source_of(Newcomer(place / "checkout").directory, place), place)


def wheel_of(source, place):
    """The wheel of a checkout or of an unpacked source distribution, made in `place`."""
    done([*PIP, "wheel", *OFFLINE, "--no-build-isolation", "-w", place, "."], source)
    (found,) = place.glob("*.whl")
    return found


def environment_with(wheel, place):
    """A fresh environment into which the wheel was installed: its directory."""
    environment = place / "environment"
    done([sys.executable, "-m", "venv", "--without-pip", environment], place)
    done([*PIP, "--python", environment / "bin/python", "install", *OFFLINE, wheel], place)
    return environment


def site_packages_of(environment):
    """Where an environment has its packages."""
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def completed(environment):
    """Give an environment the packages that the suite needs, from where these tests have them; its interpreter."""
    (site_packages_of(environment) / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin/python"


def install(python, project):
    """Install a project's directory into an environment that has what builds it."""
    done([*PIP, "--python", python, "install", *OFFLINE, "--no-build-isolation", project], project)
