"""What `pip install` puts into site-packages: one package, with all that the suite needs when there is no checkout."""

import os
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from environment import completed, done, environment_with, site_packages_of, source_of, unpacked, wheel_of
from newcomer import ROOT, Newcomer
from packaging.metadata import Metadata

from roadworthy.reports.bundle import FILE_NAME, read_bundle


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The source distribution of the checkout."""
    place = tmp_path_factory.mktemp("archive")
    return source_of(Newcomer(place / "checkout").directory, place)


@pytest.fixture(scope="module")
def source(archive, tmp_path_factory):
    """The source distribution, unpacked: its directory."""
    return unpacked(archive, tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """The wheel that is built from the source distribution, as pip does where it finds no wheel."""
    return wheel_of(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    return environment_with(wheel, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def site_packages(installed):
    return site_packages_of(installed)


@pytest.fixture(scope="module")
def python(installed):
    return completed(installed)


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


def test_the_source_has_tests_documents_and_the_lock(source):
    """Whoever packages the suite for a distribution finds there what the checkout has, and can run its tests."""
    for name in (
        "tests",
        "docs",
        "conformance",
        "bench",
        "workloads",
        "reports",
        "mutants",
        "claims",
        "matrices",
        "changes",
        "image",
    ):
        assert files(source / name) == files(ROOT / name), name
    for name in (
        "Makefile",
        "requirements.lock",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "conftest.py",
    ):
        assert (source / name).read_bytes() == (ROOT / name).read_bytes(), name
    few = ["tests/verdict", "tests/trees", "tests/reports/test_bundle.py", "-q", "-n", "0", "-p", "no:cacheprovider"]
    output = done(["env", f"PYTHONPATH={source}", sys.executable, "-m", "pytest", *few], source)
    assert " passed" in output.splitlines()[-1]


def test_the_wheel_describes_itself(wheel):
    """Its metadata are valid, and name licence, Python and the plugin's place; typing marks lie in it."""
    with zipfile.ZipFile(wheel) as archive:
        (told,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        found = Metadata.from_email(archive.read(told), validate=True)
        assert "roadworthy/py.typed" in archive.namelist()
    assert (found.license_expression, str(found.requires_python)) == ("Apache-2.0", ">=3.11")
    assert {"Framework :: Pytest", "Typing :: Typed"} <= set(found.classifiers or ())
    assert found.description_content_type == "text/markdown"


def test_the_distributions_may_be_uploaded(archive, wheel):
    """An index takes both: `twine check` reads their metadata, and renders the description that it would show."""
    said = done([sys.executable, "-m", "twine", "check", "--strict", archive, wheel], archive.parent)
    assert said.count("PASSED") == 2, said


def test_the_version_has_one_place(python, site_packages, tmp_path):
    """pyproject.toml; what is installed and the command say the same, and no file of the package has it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    said = done([python, "-m", "roadworthy.command.cli", "--version"], tmp_path)
    assert said.split()[-1] == version
    spelt = [path for path in (site_packages / "roadworthy").rglob("*.py") if f'"{version}"' in path.read_text()]
    assert spelt == []


WAYS = {
    "pytest --pyargs": ["pytest", "--pyargs", "roadworthy.conformance"],
    "roadworthy run": ["roadworthy", "run"],
}


@pytest.mark.real
@pytest.mark.parametrize("way", WAYS)
def test_results_lie_where_the_user_stands(installed, python, site_packages, tmp_path, way):
    """A run of the wheel writes bundle and page below the working directory, and nothing into site-packages.

    The directory is another project's checkout, whose commit is not the suite's.
    """
    done(["git", "init", "-q", "."], tmp_path)
    done(["git", "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "x"], tmp_path)
    before = files(site_packages)
    words = [installed / "bin" / WAYS[way][0], *WAYS[way][1:]]
    if way.startswith("pytest"):  # which is where the environment finds what the suite needs
        words = [python, "-m", *WAYS[way]]
    done([*words, "--driver=overlay2", "-k", "identity/ro-fd-sees-rw-write", "-p", "no:cacheprovider"], tmp_path)
    (bundle,) = (tmp_path / "bundles").glob(f"*/{FILE_NAME}")
    assert bundle.with_name("index.html").exists()
    assert "commit" not in read_bundle(bundle).plan.suite
    assert files(site_packages) == before


def test_benchmarks_of_an_installed_suite_are_run_likewise(installed, python, tmp_path):
    """`roadworthy bench run` has the benchmarks, and passes pytest's options on."""
    words = ["--driver=overlay2", "--collect-only", "-q", "-m", "smoke", "-p", "no:cacheprovider"]
    assert python
    assert ids(done([installed / "bin/roadworthy", "bench", "run", *words], tmp_path))
