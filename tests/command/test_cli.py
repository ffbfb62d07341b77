"""The companion command: a mistake on its line ends with status 4 and a sentence, and never with a traceback."""

import json

import msgspec
import pytest
import sample
from click.testing import CliRunner

from roadworthy.command import drivers as listed
from roadworthy.command.cli import main
from roadworthy.drivers import DRIVERS
from roadworthy.engine_name import EngineName
from roadworthy.lane import needs
from roadworthy.machines.machine import Requirement
from roadworthy.reports.records import Benchmark, Count, Result, Trend

MET = Requirement(True, "")

USAGE = 4
KILLS = {
    "schema": "1.0", "driver": "overlay2", "seconds": 60, "partial": False, "unstable": {}, "excused": {},
    "checks": {"rename/a": "pass"}, "mutants": [],
}  # fmt: skip


@pytest.fixture
def bundle(tmp_path):
    """A whole bundle of checks, in a directory of bundles."""
    return sample.write(tmp_path / "bundles/one", sample.records())


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize(
    "words",
    [
        [], ["bench"], ["cache"], ["--nope"], ["reap", "--dry"], ["lanes"], ["lanes", "--driver=,"],
        ["lanes", "--driver=overlay3"], ["lanes", "--matrix=nope"], ["site"], ["site", "--outptu=x"],
        ["site", "/nowhere"],
        ["claims", "/proc/self"], ["agree", "/proc/self", "/proc/self"], ["cache", "prune", "nosuch"],
        ["cache", "prune", "--older-than=nan"], ["kernels", "--make=6.2"], ["engines", "--make=docker-99"],
        ["bench", "series", "/proc/self"],
    ],
    ids=lambda words: " ".join(words) or "nothing",
)  # fmt: skip
def test_a_mistake_ends_with_the_status_that_pytest_gives_to_one(words):
    """Whatever the command: 1 is for what it found, 4 for what it was asked."""
    assert run(*words).exit_code == USAGE


@pytest.mark.parametrize("command", [["site"], ["claims"], ["bench", "series"]], ids=" ".join)
@pytest.mark.parametrize(
    ("content", "said"), [("", "the first record"), ("no JSON\n", "JSON"), (None, "expected a run bundle")],
    ids=["empty", "no JSON", "a directory"],
)  # fmt: skip
def test_what_is_no_bundle_is_a_mistake_with_its_place(tmp_path, command, content, said):
    """One line names the file and what was expected of it."""
    path = tmp_path / "b/bundle.jsonl"
    path.parent.mkdir()
    path.mkdir() if content is None else path.write_text(content)
    done = run(*command, path if content is None else path.parent)
    assert done.exit_code == USAGE
    assert str(path) in done.output
    assert said in done.output


def test_a_page_that_cannot_be_written_is_a_mistake(bundle, tmp_path):
    """The sentence names the page and the kernel's reason."""
    (tmp_path / "file").write_text("")
    done = run("site", bundle, f"--output={tmp_path / 'file/page.html'}")
    assert done.exit_code == USAGE
    assert "page.html cannot be written: " in done.output


@pytest.mark.parametrize("name", ["bundle.jsonl", "notes.html", "kills.html"])
def test_a_page_replaces_nothing_but_a_page(bundle, tmp_path, name):
    """A bundle, or a page that somebody else made, is left as it was, and the command says so."""
    path = bundle / name
    if name != "bundle.jsonl":
        path.write_text("<title>A user's</title>")
    before = path.read_bytes()
    matrix = tmp_path / "kills.json"
    matrix.write_text(json.dumps(KILLS))
    output = bundle / "index.html" if name == "kills.html" else path
    done = run("site", bundle, f"--output={output}", f"--kills={matrix}")
    assert done.exit_code == USAGE
    assert f"{path}: it is there already, and Roadworthy did not make it; name another --single" in done.output
    assert path.read_bytes() == before
    assert sorted(found.name for found in bundle.iterdir()) == sorted({"bundle.jsonl", name})


@pytest.mark.parametrize(
    "words", [["lanes", "--driver=vfs"], ["explore", "--driver=vfs"], ["bench", "record", ".", "ls"]]
)
def test_a_deleted_working_directory_is_a_mistake(tmp_path, monkeypatch, words):
    """Every command says so, instead of a traceback from wherever the directory was first needed."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = run(*words)
    assert done.exit_code == USAGE
    assert "the working directory was deleted" in done.output


def test_a_page_is_made_anew(bundle, tmp_path):
    """The page of the suite itself gives way to a newer one."""
    for _ in range(2):
        assert run("site", bundle, f"--output={tmp_path / 'page.html'}").exit_code == 0


def test_a_directory_of_bundles_stands_for_each_of_them_once(bundle, tmp_path):
    """A bundle that is named twice is one."""
    done = run("site", bundle, bundle.parent, f"--output={tmp_path / 'page.html'}")
    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'page.html'}: 1 bundle\n")


def test_an_incomplete_bundle_is_told(tmp_path):
    """A page of a run that was cut short says so, and so does the command that makes it."""
    torn = sample.write(tmp_path / "torn", sample.records()[:-1])
    for words in (["site", torn, f"--output={tmp_path / 'page.html'}"], ["claims", torn]):
        assert "no closing record" in run(*words).output


@pytest.mark.parametrize(
    "bad", ["no JSON\n", "", None, '{"type": "plan", "schema": "2.0"}\n'], ids=["no JSON", "empty", "none", "schema"]
)
def test_F54_a_bad_bundle_does_not_cost_the_good_ones(bundle, tmp_path, bad):
    """It is left out, and the terminal and the page say which and why; the status tells a script."""
    place = bundle.parent / "bad"
    place.mkdir()
    if bad is not None:
        (place / "bundle.jsonl").write_text(bad)
    page = tmp_path / "page.html"
    done = run("site", bundle, place, f"--output={page}")
    assert (done.exit_code, f"{page}: 1 bundle, 1 left out" in done.output) == (1, True), done.output
    assert f"left out: {place}" in done.output
    assert "A bundle is left out." in page.read_text()
    assert "</strong> bad" in page.read_text()
    assert str(tmp_path) not in page.read_text()
    for words in (["claims"], ["bench", "series"]):
        done = run(*words, bundle, place)
        assert (done.exit_code, f"left out: {place}" in done.output) == (1, True), done.output
    assert run("site", place, f"--output={page}").exit_code == USAGE


def test_bundles_of_another_schema_are_left_out(bundle, tmp_path):
    """One page is of one schema, that of the newest run; the others are named."""
    text = (bundle / "bundle.jsonl").read_text()
    other = tmp_path / "bundles/other"
    other.mkdir()
    (other / "bundle.jsonl").write_text(text.replace('"schema":"1.0"', '"schema":"1.9"').replace("2026-", "2025-", 1))
    done = run("site", bundle.parent, f"--output={tmp_path / 'page.html'}")
    assert (done.exit_code, "other/bundle.jsonl: expected schema 1.0, found 1.9" in done.output) == (1, True)


def test_nothing_to_compare_is_a_mistake(tmp_path):
    """Runs without benchmarks are neither unchanged nor the same as ever."""
    records = [record for record in sample.records() if not isinstance(record, Benchmark | Count | Trend)]
    empty = sample.write(tmp_path / "b", records)
    assert run("bench", "compare", empty, empty).exit_code == USAGE
    assert run("bench", "analyse", empty).exit_code == USAGE


def test_drivers_that_the_installed_engine_has_not_are_not_said_to_run_on_it(monkeypatch):
    """What comes with a later engine is said to run with that one's root."""
    monkeypatch.setattr(listed, "installed_engine", lambda: EngineName("docker", "20.10"))
    monkeypatch.setattr(needs, "requirements", lambda lane, machine: iter(()))
    monkeypatch.setattr(listed.Host, "privilege", lambda self: MET)
    monkeypatch.setattr(listed.Host, "command", lambda self, *_: MET)
    for driver in DRIVERS.values():
        monkeypatch.setattr(type(driver), "requirements", lambda self, machine: iter(()))
    found = json.loads(run("drivers", "--json").output)["drivers"]
    said = {one["name"]: one["how"] for one in found}
    assert list(said) == list(DRIVERS)
    assert all(one["here"] for one in found)
    assert said["overlay2"] == said["aufs"] == "with the installed engine"
    assert said["containerd:overlayfs"].startswith("with --engine=docker-2")
    assert said["podman:overlay"] == "with --engine=podman-5"


LISTS = [["drivers"], ["engines"], ["kernels"], ["cache", "list"], ["cache", "prune", "--older-than=9999"], ["claims"]]


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_list_has_the_form_of_all_answers(words, tmp_path, monkeypatch):
    """Text without colours in a pipe, one JSON object, Markdown; each says what the others say, and the status is 0."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text, program, markdown = (run(*words, *more) for more in ((), ("--json",), ("--markdown",)))
    assert [done.exit_code for done in (text, program, markdown)] == [0, 0, 0]
    assert isinstance(json.loads(program.output), dict)
    assert "\x1b" not in text.output
    first = text.output.split()[0]
    assert first in markdown.output
    assert markdown.output.startswith(("| ", "### ", "0 "))


def passed_on_overlay2(record):
    return isinstance(record, Result) and record.verdict == "pass" and record.lane.startswith("overlay2-ext4")


def test_cells_that_differ_are_a_table(bundle, tmp_path):
    """For readers and, with --json, for programs; the status is 1."""
    records = [
        msgspec.structs.replace(record, verdict="fail", reason="broken now") if passed_on_overlay2(record) else record
        for record in sample.records()
    ]
    other = sample.write(tmp_path / "other", records)
    done = run("agree", bundle, other)
    assert done.exit_code == 1
    assert "pass   fail    broken now" in done.output
    found = json.loads(run("agree", bundle, other, "--json").output)
    assert {(one["first"], one["second"]) for one in found["differing"]} == {("pass", "fail")}
    assert found["common"] > len(found["differing"]) > 0
