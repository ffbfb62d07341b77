"""Runs of the plugin inside a test: on a stand that is faked, or stopped before anything starts."""

import ast
import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.engine_name import EngineName
from roadworthy.machines import host
from roadworthy.machines.kernel_log import KernelLog
from roadworthy.run import session, stands
from roadworthy.supplies import kernel_lists
from roadworthy.supplies.kernel_lists import Listed
from roadworthy.upkeep.ledger import Ledger
from roadworthy.verdict.deviations import Facts

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[1]
# Modules that several files of tests import: what makes bundles, who follows documents and asks commands, the agent
# as a process, a view of this host, and logs of writes.
sys.path[:0] = [
    str(Path(__file__).parent / folder)
    for folder in ("reports", "house", "calls", "command", "real", "cuts", "fuzzing", "own_mutants")
]


@pytest.fixture(autouse=True)
def package_lists(request, monkeypatch):
    """Package lists as of one day, so that a test with a misspelt kernel does not read a mirror's."""
    found = [
        Listed(series, flavour, f"linux-image-{series}.4-{flavour}amd64", f"{series}.4", suite)
        for series, suite in (("5.10", "bullseye"), ("6.1", "bookworm"), ("6.12", "trixie"), ("7.2", "sid"),
                              ("6.18", "trixie-backports"), ("7.3", "trixie-backports"), ("7.3", "experimental"))
        for flavour in ("", "cloud-")
    ]  # fmt: skip
    if not {"real", "builds", "guest"} & {mark.name for mark in request.node.iter_markers()}:
        monkeypatch.setattr(kernel_lists, "listed", lambda *_, **__: found)
    return found


class FakeStand:
    """A lane that is up without a daemon."""

    keep = False

    def __init__(self, lane):
        self.lane = lane
        self.features = lane.driver.features
        self.lost = None
        self.round = 1
        self.reference = None
        self.seconds = {"daemon": 0.5}
        self.machine = host.Host()

    def facts(self):
        return {
            "engine": {"version": "20.10.24", "api": "1.41"},
            "driver": {"name": self.lane.driver.name, "status": {}},
        }

    def deviation_facts(self, provenance):
        driver = self.lane.driver
        return Facts(driver.name, driver.built_on, self.lane.backing, "docker", (20, 10), (6, 1), provenance, {})

    def refuse_holes(self, check):
        """A stand without layers can hold any file."""

    def recovered(self, broken, capabilities, trouble=""):
        return broken

    def stacks(self, broken):
        """A stand without an agent has nobody to ask."""
        return ""

    def watched(self, restarts=False):
        """A stand without processes has nothing to watch."""

    def place(self, check):
        return f"/c/{check.slug}"

    def compare_trees(self, compared=True):
        """A stand without containers leaves no trees."""


@pytest.fixture
def unrooted(monkeypatch, tmp_path):
    """Runs inside this test keep their ledgers here and reap nothing, also as root; the kernel's log is empty."""
    monkeypatch.setattr(session, "Ledger", lambda: Ledger(tmp_path / "ledgers"))
    monkeypatch.setattr(session.reaper, "reap", list)
    monkeypatch.setattr(host, "KernelLog", lambda: KernelLog("/dev/null"))
    monkeypatch.setattr(session, "installed_engine", lambda: EngineName("docker", "20.10"))
    monkeypatch.setattr(session, "write_page", lambda bundles, path, **_: path.write_text("a page"))


@pytest.fixture
def fake_stand(monkeypatch, unrooted):
    """Every lane comes up at once, as an object of this class."""

    @contextmanager
    def lane_up(lane, *_):
        yield FakeStand(lane)

    monkeypatch.setattr(session, "lane_up", lane_up)
    monkeypatch.setattr(stands, "begin_round", lambda stand, checks, turn: setattr(stand, "round", turn))
    monkeypatch.setattr(session.Session, "site", lambda self: None)
    return FakeStand


@pytest.fixture
def deviations(monkeypatch, tmp_path):
    """Record deviations for runs inside this test."""
    directory = tmp_path / "suite/deviations"
    directory.mkdir(parents=True)
    monkeypatch.setattr(session, "CONFORMANCE", directory.parent)

    def deviations(text):
        (directory / "sample.toml").write_text(text)

    return deviations


@pytest.fixture
def run(pytester, tmp_path):
    """Run pytest inside this process on one test file; what came of it, with the bundle's records."""

    def run(text, *options, driver="overlay2", collects=True):
        pytester.makepyfile(test_sample="import pytest\nfrom roadworthy import *\n" + text)
        bundle = tmp_path / "bundle"
        chosen = [f"--driver={driver}"] if driver else []
        # Plugins that only cost time, in a module cache that is fresh for each run.
        without = [f"-pno:{name}" for name in ("cacheprovider", "hypothesispytest", "allure_pytest", "benchmark")]
        options = (*chosen, f"--bundle={bundle}", *without, *options)
        done = pytester.runpytest_inprocess(*options, no_reraise_ctrlc=True)
        # A file that does not even import has no results to compare, and every comparison of none with none holds.
        assert ("ERROR collecting" in done.stdout.str()) is not collects, done.stdout.str()
        path = bundle / "bundle.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        records = [json.loads(line) for line in lines]
        return SimpleNamespace(
            code=int(done.ret),
            text=done.stdout.str() + done.stderr.str(),
            lines=done.stdout.lines + done.stderr.lines,
            counts=done.parseoutcomes() if records else {},
            records=records,
            verdicts={line["check"]: line["verdict"] for line in records if line.get("type") == "result"},
            reasons={line["check"]: line["reason"] for line in records if line.get("type") == "result"},
            bundle=bundle,
        )

    return run


@pytest.fixture
def without_root():
    """Words before a command that make it an unprivileged user's."""
    if os.geteuid() != 0:
        return []
    # The interpreter may lie in a home that others cannot enter, so the right to search directories stays.
    search = [f"--{kind}=-all,+dac_read_search" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *search, "--"]


@pytest.fixture(scope="session")
def declared_checks():
    """Every @check of the suite by its id: what it was given besides, as the source says it."""
    found = {}
    for path in sorted((ROOT / "conformance").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "check":
                found[ast.literal_eval(node.args[0])] = {word.arg: ast.unparse(word.value) for word in node.keywords}
    return found
