"""The documentation names what the suite has, and what the suite has documents itself."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from reference_page import fixtures, markers, options

from roadworthy.drivers import DRIVERS
from roadworthy.machines.backing import BACKINGS
from roadworthy.mutants.catalogue import catalogue, excused
from roadworthy.reports.families import TITLES
from roadworthy.reports.records import MEANING, WORST_FIRST
from roadworthy.verdict import deviations

ROOT = Path(__file__).parents[2]
LISTED = """
import json
from roadworthy.declaring.checks import declared

def pytest_collection_finish(session):
    found, slow, odd = [], [], []
    for item in session.items:
        given = item.callspec.params if hasattr(item, "callspec") else {}
        odd += [f"{item.nodeid}: {name} = {value!r}" for name, value in given.items() if " at 0x" in repr(value)]
        check = declared(item)
        if check is not None:
            found.append([check.identity, check.promise, check.source, check.slug, item.nodeid])
            slow += [check.identity] if item.get_closest_marker("slow") else []
    print("CHECKS " + json.dumps({"checks": found, "slow": slow, "odd": odd}))
"""


@pytest.fixture(scope="module")
def documents():
    """All that somebody wrote, in one text; docs/reference is made from the code and has everything anyhow."""
    written = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "reference"]
    return "\n".join(path.read_text() for path in [ROOT / "README.md", *written])


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """What a collection of the suite for one lane finds: what every check declares, and which of them are slow."""
    place = tmp_path_factory.mktemp("listed")
    (place / "listed.py").write_text(LISTED)
    asked = ["--driver=overlay2", "--cuts=1"]  # also for the operations that an ordinary run leaves out
    command = [sys.executable, "-m", "pytest", "conformance", "bench", *asked, "--collect-only", "-qq", "-s"]
    done = subprocess.run(
        [*command, "-p", "listed", "-p", "no:cacheprovider"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(place)}, check=False,
    )  # fmt: skip
    line = next((line for line in done.stdout.splitlines() if line.startswith("CHECKS ")), None)
    assert line, done.stdout[-2000:] + done.stderr[-2000:]
    assert done.returncode == 0, done.stdout[-2000:]
    return json.loads(line.removeprefix("CHECKS "))


@pytest.fixture(scope="module")
def checks(collected):
    """What every check of the suite declares: identity, promise, source, directory, and where it stands."""
    return collected["checks"]


def test_parameters_look_alike_in_every_run(collected):
    """Allure's history and pytest-benchmark's comparison know a test by its parameters, which show no address."""
    assert collected["odd"] == []


@pytest.mark.parametrize("option", [name for names, *_ in options() for name in names])
def test_every_option_is_documented(documents, option):
    """Each command line option of the plugin is named in README.md or docs/."""
    assert option in documents


@pytest.mark.parametrize("marker", [name.partition("(")[0] for name, _ in markers()])
def test_every_marker_is_documented(documents, marker):
    """Each marker, or the decorator that makes it, is named in README.md or docs/."""
    assert re.search(rf"@(pytest\.mark\.)?{marker}\b|`{marker}`|-m \W*(not )?{marker}\b", documents)


@pytest.mark.parametrize("name", sorted({*DRIVERS, *BACKINGS}))
def test_every_driver_and_backing_is_documented(documents, name):
    """Each storage driver and each backing file system is named in README.md or docs/."""
    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", documents)


@pytest.mark.parametrize("verdict", WORST_FIRST)
def test_every_verdict_is_documented(documents, verdict):
    """Each verdict is named in README.md or docs/, and has a meaning for the page's legend."""
    assert f"`{verdict}`" in documents
    assert MEANING[verdict]


@pytest.mark.parametrize(("fixture", "said"), [(name, said) for name, said, _ in fixtures()])
def test_every_fixture_is_documented(documents, fixture, said):
    """Each fixture that a check may ask for is named in README.md or docs/, and says what it is."""
    assert re.search(rf"`{fixture}\b", documents)
    assert said


def test_every_family_has_a_title_in_whole_words(checks):
    """And nothing that is no family has one."""
    assert {identity.partition("/")[0] for identity, *_ in checks} == set(TITLES)


def test_every_check_says_its_promise_in_a_sentence(checks):
    """A check's docstring is one sentence: the promise."""
    wrong = [
        where for _, promise, *_, where in checks if not promise.endswith(".") or re.search(r"[.!?] [A-Z]", promise)
    ]
    assert wrong == []


def test_every_check_has_a_source(checks):
    """A check names where its promise is written down."""
    assert [where for _, _, source, _, where in checks if not source] == []


def test_every_id_is_a_family_and_a_behaviour(checks):
    """An id is `family/behaviour[case]`, in lower case."""
    form = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*(\[[^\[\]]+\])?")
    assert [identity for identity, *_ in checks if not form.fullmatch(identity)] == []


def test_every_check_has_a_directory_of_its_own(checks):
    """No two checks share a directory in the image."""
    slugs = [slug for *_, slug, _ in checks]
    assert sorted(slugs) == sorted(set(slugs))


def test_every_recorded_deviation_names_a_check(checks):
    """An entry speaks of a check that exists, so that a renamed one does not lose its entry."""
    found = deviations.load(ROOT / "conformance/deviations", [identity for identity, *_ in checks])
    assert found.entries


@pytest.mark.parametrize("place", ["conformance/deviations", "roadworthy/conformance/deviations"])
def test_every_deviation_lies_in_the_file_of_its_family(place):
    """A family's deviations are found without searching, in the checkout and by the name of the package."""
    entries = deviations.load(ROOT / place).entries
    families = [(entry.file, entry.check.partition("/")[0]) for entry in entries]
    assert [file for file, family in families if file != f"conformance/deviations/{family}.toml"] == []


def test_no_deviation_spells_out_the_drivers_of_a_file_system():
    """What all drivers that are built on one file system have of it is recorded of that, for those to come."""
    built_on = {driver.built_on for driver in DRIVERS.values()} - {""}
    whole = [{name for name, driver in DRIVERS.items() if driver.built_on == system} for system in built_on]
    entries = deviations.load(ROOT / "conformance/deviations").entries
    spelt = [entry for entry in entries if len(entry.when.get("driver", ())) > 1 and set(entry.when["driver"]) in whole]
    assert [f"{entry.file}:{entry.line}" for entry in spelt] == []


def base(identity):
    """A check's id without its parameters."""
    return identity.partition("[")[0]


def test_every_slow_check_is_asked_about_a_mutant_or_seen_to_fail(collected):
    """A mutant is asked those slow checks that the catalogue names; others have to break on a sound driver."""
    named = {check for mutant in catalogue().values() for check in mutant.also} | set(excused())
    broken = {entry.check for entry in deviations.load(ROOT / "conformance/deviations").entries}
    assert sorted({base(check) for check in collected["slow"]} - named - {base(check) for check in broken}) == []


def test_numbers_of_mutants_are_told(documents):
    """docs/mutants.md says how many there are of each kind."""
    kinds = Counter(mutant.kind for mutant in catalogue().values())
    told = (
        f"{kinds['notify']} faults of system calls, {kinds['engine']} lies of the engine, {kinds['saboteur']} edits of "
        f"layers and {kinds['disk']} disks"
    )
    assert told in " ".join(documents.split())
