"""The fast twin: the catalogue's faults against the suite's own checks, without an engine and without root."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from roadworthy.mutants.__main__ import ROOT
from roadworthy.mutants.catalogue import catalogue, excused

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="mutants know the system calls of 64-bit x86")

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "true"]
#: As `nobody`, who owns nothing.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]


@pytest.fixture(autouse=True)
def namespaces():
    """User namespaces, which some hosts refuse to users."""
    done = subprocess.run(NAMESPACE, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the twin needs user namespaces: {done.stderr.strip()}")


def sensitivity(tmp_path: Path, *words: str, python: tuple[str, ...] = (sys.executable,), **environment: str):
    """A run of the twin, and the matrix that it wrote."""
    kills = tmp_path / "out/kills.json"
    argv = [*python, "-m", "roadworthy.mutants", "--twin", f"--kills={kills}", *words]
    done = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )  # fmt: skip
    return done, json.loads(kills.read_text()) if kills.exists() else {}


def ordinary() -> tuple[str, ...]:
    """An interpreter of this version, run by an ordinary user. Root's own one may lie where nobody else gets at it."""
    if os.geteuid():
        return (sys.executable,)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        # A shell between them, because setpriv(1) itself still finds its program as root.
        tried = [*NOBODY, "sh", "-c", 'cd "$1" && exec "$0" -c pass', python or "", str(ROOT)]
        done = subprocess.run(tried, capture_output=True, check=False) if shutil.which("setpriv") else None
        if python and done is not None and done.returncode == 0:
            return (*NOBODY, python)
    pytest.skip(f"needs setpriv, and {version} and this checkout where an ordinary user gets at them")


def test_every_mutant_of_the_twin_is_killed_by_the_check_that_is_named(tmp_path):
    done, matrix = sensitivity(tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    found = {mutant["name"]: mutant for mutant in matrix["mutants"]}
    assert set(found) == {mutant.name for mutant in catalogue().values() if mutant.twin}
    assert len(found) > 100
    for name, mutant in found.items():
        assert catalogue()[name].seen_by in {check.partition("[")[0] for check in mutant["killed by"]}, name
        assert mutant["hits"] > 0, name


def test_twin_needs_no_root(tmp_path):
    """As an ordinary user, with a toolbox of its own."""
    with tempfile.TemporaryDirectory(prefix="roadworthy-nobody-") as made:
        place = Path(made)
        place.chmod(0o777)
        done, matrix = sensitivity(
            place, "--only=append-overwrites", "--only=copy-up-touches", f"--out={place / 'runs'}", python=ordinary(),
            PYTHONPATH=os.pathsep.join(filter(None, sys.path)), XDG_CACHE_HOME=str(place / "cache"), HOME=str(place),
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert {mutant["name"]: mutant["outcome"] for mutant in matrix["mutants"]} == {
        "append-overwrites": "killed", "copy-up-touches": "killed",
    }  # fmt: skip


def test_twin_takes_no_mutant_that_needs_an_engine(tmp_path):
    done, _ = sensitivity(tmp_path, "--only=diff-invents-a-change")
    assert done.returncode == 4
    assert "the twin has no engine" in done.stderr


LISTED = """
import json
from roadworthy.declaring.checks import declared

def pytest_collection_finish(session):
    found = {}
    for item in session.items:
        check = declared(item)
        if check is not None:
            found[check.identity.partition("[")[0]] = item.get_closest_marker("slow") is not None
            found[check.identity] = item.get_closest_marker("slow") is not None
    print("CHECKS " + json.dumps(found))
"""


def test_catalogue_names_checks_that_exist(tmp_path):
    """`also` names slow checks, `seen_by` quick ones, and nothing is excused or reviewed that is not there."""
    (tmp_path / "listed.py").write_text(LISTED)
    argv = [sys.executable, "-m", "pytest", "conformance", "--driver=overlay2", "--collect-only", "-qq", "-s"]
    done = subprocess.run(
        [*argv, "-p", "listed"], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("CHECKS "))
    slow = json.loads(line.removeprefix("CHECKS "))
    for mutant in catalogue().values():
        assert [check for check in mutant.also if not slow.get(check)] == [], mutant.name
        assert not mutant.seen_by or slow.get(mutant.seen_by) is False, mutant.name
        assert [word for word in mutant.reviewed if word not in slow and not word.endswith("/*")] == [], mutant.name
        families = {check.partition("/")[0] for check in slow}
        assert set(mutant.families) <= families, mutant.name
    assert set(excused()) <= set(slow)
