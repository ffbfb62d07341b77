"""Packages that `roadworthy new` writes, installed beside the wheel in a fresh environment, on real daemons."""

import json

import pytest
from environment import completed, done, environment_with, install, ran, unpacked_source, wheel_of

from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.kills import read_kills

pytestmark = pytest.mark.real
#: The kinds, each with the name that its package gets here.
NAMES = {"driver": "another", "check": "promised", "workload": "steady"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("extensions")


@pytest.fixture(scope="module")
def python(place):
    """An environment with the suite's wheel and a package of each kind, written by the command that it brings."""
    environment = environment_with(wheel_of(unpacked_source(place), place), place)
    python = completed(environment)
    for kind, name in NAMES.items():
        done([environment / "bin/roadworthy", "new", kind, name], place)
        install(python, place / f"roadworthy-{name}")
    return python


@pytest.fixture
def roadworthy(python, tmp_path):
    """Runs the command of that environment in a directory of the test's own."""
    return lambda *words: ran([python.with_name("roadworthy"), *words], tmp_path)


@pytest.mark.parametrize("name", NAMES.values())
def test_the_package_s_own_tests_pass(python, place, name):
    """As it was written: nobody has changed a word."""
    output = done([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], place / f"roadworthy-{name}")
    assert " passed" in output.splitlines()[-1]


def test_commands_know_what_was_added(roadworthy):
    """doctor says what can run of it and who has added it; lanes and explain take its names."""
    found = json.loads(roadworthy("doctor", "--json").stdout)
    assert {one["distribution"] for one in found["extensions"]} == {
        f"roadworthy-{name} 0.1.0" for name in NAMES.values()
    }
    assert [one["yes"] for one in found["drivers"] if one["name"] == "another"]
    assert roadworthy("lanes", "--driver=another").stdout.startswith("another-ext4-")
    told = roadworthy("explain", "another/promised/name-of-a-directory").stdout
    assert "A directory of the image can be renamed." in told
    assert "roadworthy_promised/deviations/promised.toml:3" in told


def test_a_driver_and_checks_of_others_run_beside_the_suite_s_own(roadworthy, tmp_path):
    """The driver keeps and breaks what the kernel's overlayfs does, in the suite's checks and in the added ones."""
    asked = "promised/ or rename/merged-dir or identity/ro-rw-same-inode"
    run = roadworthy("run", "--driver=another,vfs", "-k", asked, "--bundle=bundle", "-p", "no:cacheprovider")
    assert run.returncode == 0, run.stdout
    found = read_bundle(tmp_path / "bundle")
    verdicts = {(one.lane.partition("-")[0], one.check): one.verdict for one in found.results}
    broken = {("another", "promised/name-of-a-directory"), ("another", "rename/merged-dir")}
    assert {key for key, verdict in verdicts.items() if verdict == "known"} == broken
    assert {key for key, verdict in verdicts.items() if verdict != "pass"} == broken
    assert verdicts["another", "promised/mode-of-a-file[lower]"] == "pass"
    assert found.plan.suite["extensions"] == {f"roadworthy-{name}": "0.1.0" for name in NAMES.values()}
    (entry,) = {one.deviation.file for one in found.results if one.deviation and one.check.startswith("promised/")}
    assert entry == "roadworthy_promised/deviations/promised.toml"


def test_a_check_of_others_kills_its_mutant(python, tmp_path):
    """The check can fail: the faulty driver that its own package has is noticed, and nothing else changes."""
    words = ["--driver=overlay2", "--only=promised-forgets-modes", "--jobs=1", "--out=out"]
    run = ran([python, "-m", "roadworthy.mutants", *words], tmp_path)
    assert run.returncode == 0, run.stdout
    (mutant,) = read_kills(tmp_path / "out/kills.json").mutants
    assert (mutant.name, mutant.outcome) == ("promised-forgets-modes", "killed")
    assert set(mutant.killed_by) == {"promised/mode-of-a-file[lower]", "promised/mode-of-a-file[upper]"}


def test_a_workload_of_others_is_measured(roadworthy, tmp_path):
    """Its benchmark has rows for both files, and says what it measured."""
    words = ["--driver=overlay2", "-k", "data/steady", "--bench-seconds=3", "--bundle=bundle", "-p", "no:cacheprovider"]
    run = roadworthy("bench", "run", *words)
    assert run.returncode == 0, run.stdout
    measured = read_bundle(tmp_path / "bundle").benchmarks
    assert {one.benchmark for one in measured} == {"data/steady/lower", "data/steady/upper"}, run.stdout
