"""What `pip install` puts into site-packages: one package, with all that the suite needs when there is no checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from newcomer import ROOT, Newcomer


def done(argv, directory):
    """What a program prints; it has to end well. It finds what is installed, not what this process was pointed at."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = subprocess.run(
        [str(word) for word in argv], cwd=directory, env=environment, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
    return found.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment into which a wheel of the checkout was installed: its directory."""
    place = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    source = Newcomer(place / "checkout").directory  # building leaves things where it is done
    done([*pip, "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-w", place, "."], source)
    (wheel,) = place.glob("*.whl")
    environment = place / "environment"
    done([sys.executable, "-m", "venv", "--without-pip", environment], place)
    python = environment / "bin/python"
    done([*pip, "--python", python, "install", "-q", "--no-deps", "--no-index", wheel], place)
    return environment


@pytest.fixture(scope="module")
def site_packages(installed):
    """Where the environment has its packages."""
    (found,) = installed.glob("lib/python*/site-packages")
    return found


@pytest.fixture(scope="module")
def python(installed, site_packages):
    """The environment's interpreter, which has the packages that the suite needs from where these tests have them."""
    (site_packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return installed / "bin/python"


def files(package):
    """What lies below a package, links followed, without what running it leaves there."""
    return {
        str((Path(directory) / name).relative_to(package))
        for directory, _, names in os.walk(package, followlinks=True) for name in names
        if not directory.endswith("__pycache__")
    }  # fmt: skip


def test_the_package_is_all_that_is_installed(site_packages):
    """One name is taken in site-packages; the folders of the repository are below it, with their data."""
    names = {path.name for path in site_packages.iterdir()} - {"needed.pth"}
    assert {name for name in names if not name.startswith("roadworthy-")} == {"roadworthy"}
    assert files(site_packages / "roadworthy") == files(ROOT / "roadworthy")


def ids(output):
    """The ids that a collection prints, without the directories in front of their files."""
    lines = [line for line in output.splitlines() if "::" in line]
    return sorted("::".join([Path(line.partition("::")[0]).name, line.partition("::")[2]]) for line in lines)


def test_an_installed_suite_has_the_checks_of_the_checkout(python, site_packages, tmp_path):
    """From an empty directory, --pyargs finds every check and every benchmark, under the same names."""
    options = ["--driver=overlay2", "--collect-only", "-q", "-p", "no:cacheprovider"]
    packages = ["--pyargs", "roadworthy.conformance", "roadworthy.bench"]
    there = done([python, "-m", "pytest", *packages, *options], tmp_path)
    here = done([sys.executable, "-m", "pytest", "conformance", "bench", *options], ROOT)
    assert ids(there) == ids(here)
    assert len(ids(there)) > 700
    home = done([python, "-c", "import roadworthy; print(roadworthy.__file__)"], tmp_path)
    assert Path(home.strip()).is_relative_to(site_packages)


def test_an_installed_suite_reads_its_data(python, tmp_path):
    """Mutants, recorded deviations, workloads and claims are found where the package lies."""
    assert "append-overwrites" in done([python, "-m", "roadworthy.mutants", "--list"], tmp_path)
    read = (
        "from roadworthy.measuring.workloads import DIRECTORY\n"
        "from roadworthy.reports.claims import load\n"
        "from roadworthy.run.session import check_deviations\n"
        "print(len(check_deviations().entries) > 50, len(list(DIRECTORY.glob('*.toml'))) > 10, len(load()) > 10)\n"
    )
    assert done([python, "-c", read], tmp_path).split() == ["True"] * 3
