"""Allure's results: what its report shows of a verdict, and what describes a run beside them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sample_breaks import CHECKS, RECORDED

from roadworthy.run import allure_results
from roadworthy.run.allure_results import categories, describe

STATUS = {
    "pass": "passed", "fail": "failed", "known": "skipped", "fixed": "failed", "hang": "failed", "error": "broken",
    "skipped": "skipped", "unsupported": "skipped",
}  # fmt: skip


@pytest.fixture
def results(run, fake_stand, deviations, tmp_path):
    """Run the checks above with more options; the directory with Allure's results, and these by the checks' ids."""

    def results(*options, text=CHECKS, name="allure", recorded=RECORDED):
        deviations(recorded)
        shutil.rmtree(tmp_path / "bundle", ignore_errors=True)
        run(text, "-p", "allure_pytest.plugin", f"--alluredir={tmp_path / name}", *options)
        found = [json.loads(path.read_text()) for path in (tmp_path / name).glob("*-result.json")]
        return tmp_path / name, {result["name"]: result for result in found}

    return results


def labels(result):
    return {label["name"]: label["value"] for label in result["labels"]}


def test_a_result_has_the_status_and_category_of_its_verdict(results):
    """Each verdict has one status, and each but `pass` is in the one category that is its own."""
    _, found = results()
    for verdict, status in STATUS.items():
        result = found[f"sample/{verdict}"]
        assert (labels(result)["verdict"], result["status"]) == (verdict, status)
        said = result.get("statusDetails", {}).get("message", "")
        fitting = [
            one["name"] for one in categories()
            if status in one["matchedStatuses"] and re.fullmatch(one["messageRegex"], said, re.DOTALL)
        ]  # fmt: skip
        assert len(fitting) == (verdict != "pass"), (verdict, said, fitting)
    assert len({one["messageRegex"] for one in categories()}) == len(categories())


def test_the_document_has_the_table():
    """docs/reporters.md names status and category of each verdict as they are."""
    text = (Path(__file__).parents[2] / "docs/reporters.md").read_text()
    for verdict, status in allure_results.STATUS.items():
        assert f"| `{verdict}` | {status} | {allure_results.NAMES.get(verdict, '')}" in text


def test_a_result_is_named_and_grouped_as_on_the_page(results):
    """It has the check's id, promise and source; driver, family and check are epic, feature and story."""
    _, found = results()
    result = found["sample/several[upper]"]
    assert result["description"] == "It holds."
    assert found["sample/pass"]["description"] == "A directory can be renamed.\n\nPromised by: POSIX.1-2017, rename()"
    given = labels(result)
    lane = given["lane"]
    assert {name: given[name] for name in ("epic", "feature", "story", "driver", "backing", "engine")} == {
        "epic": "overlay2", "feature": "sample", "story": "sample/several", "driver": "overlay2", "backing": "ext4",
        "engine": "docker20.10",
    }  # fmt: skip
    assert lane.endswith(given["kernel"])
    assert {one["name"]: one["value"] for one in result["parameters"]} == {"lane": lane, "provenance": "'upper'"}


def test_system_calls_are_steps(results):
    """Each call is a step that lasts as long as the call; one that did not come back is broken, a refusal is not."""
    _, found = results()
    steps = found["sample/fail"]["steps"]
    assert [(step["name"], step["status"], step["stop"] - step["start"]) for step in steps] == [
        ("A  getpid() = 7", "passed", 2),
        ('B  rename("a", "b") = -1 EXDEV (Invalid cross-device link)', "passed", 1),
    ]
    assert found["sample/hang"]["steps"][-1]["status"] == "broken"


def test_F57_evidence_is_attached(results):
    """Transcript and facts lie beside the result, in files of its own; no fact is the kernel's command line."""
    directory, found = results()
    attached = {one["name"]: (directory / one["source"]).read_text() for one in found["sample/fail"]["attachments"]}
    assert attached["system calls"].splitlines()[0] == "A  getpid() = 7"
    assert "engine.version: 20.10.24\n" in attached["facts of the lane"]
    assert "command line" not in attached["facts of the lane"]
    sources = [one["source"] for result in found.values() for one in result["attachments"]]
    assert len(sources) == len(set(sources))
    assert all(re.fullmatch(r"[0-9a-f-]{36}-attachment\.txt", source) for source in sources), "no name of a check's"


def test_a_failure_is_told_with_its_traceback_and_a_break_with_its_reason(results):
    """The trace has the account; that of a recorded break has the reason, and a link to its source."""
    _, found = results()
    assert "AssertionError" in found["sample/fail"]["statusDetails"]["trace"]
    for name in ("fail", "known", "fixed", "hang", "error"):
        assert 'B  rename("a", "b") = ' in found[f"sample/{name}"]["statusDetails"]["trace"], name
        assert "run it again" in found[f"sample/{name}"]["statusDetails"]["trace"], name
    known = found["sample/known"]
    assert "no redirect" in known["statusDetails"]["trace"]
    assert [link["url"] for link in known["links"]] == ["https://docs.kernel.org/filesystems/overlayfs.html"]


def test_a_source_that_is_written_in_words_is_a_link_too(results):
    """As all sources of recorded deviations are, which name a document and not its address."""
    words = "Linux Documentation/filesystems/overlayfs.rst, renaming directories"
    _, found = results(
        recorded=RECORDED.replace("https://docs.kernel.org/filesystems/overlayfs.html, and a talk", words)
    )
    addresses = [link["url"] for link in found["sample/known"]["links"]]
    assert addresses == ["https://www.kernel.org/doc/html/v6.12/filesystems/overlayfs.html"]


def test_history_goes_on_over_runs(results):
    """Two runs give each result one id, so that a report shows its history; no two results share it."""
    first, second = (results(name=name)[1] for name in ("first", "second"))
    assert first.keys() == second.keys()
    assert {name: one["historyId"] for name, one in first.items()} == {
        name: one["historyId"] for name, one in second.items()
    }
    assert len({one["historyId"] for one in first.values()}) == len(first)


def test_a_lane_that_did_not_come_up_leaves_missing_results(results, monkeypatch):
    """The first result is the error, and the others say that they are missing."""
    from roadworthy.engines.engine import EngineFailed
    from roadworthy.run import session

    def bring_up(*_):
        raise EngineFailed("the daemon ended")

    monkeypatch.setattr(session, "lane_up", bring_up)
    directory, found = results()
    said = sorted(result["statusDetails"]["message"].partition("]")[0][1:] for result in found.values())
    assert said == ["error", *["missing"] * (len(found) - 1)]
    assert " = error: the daemon ended\n" in (directory / "environment.properties").read_text()


def test_the_environment_is_described(results):
    """The suite and each lane have a line; a second run into the directory does not double it."""
    directory, found = results()
    lane = labels(found["sample/pass"])["lane"]
    results()
    lines = (directory / "environment.properties").read_text().splitlines()
    assert [line.partition(" = ")[0] for line in lines] == ["roadworthy", lane]
    assert lines[1].partition(" = ")[2] == "driver overlay2, engine 20.10.24"


def test_files_of_others_are_kept(tmp_path):
    """Categories that are there are not replaced, nor are lines of the environment; keys are escaped."""
    (tmp_path / "categories.json").write_text("[]")
    (tmp_path / "environment.properties").write_text("theirs = 1\n")
    describe(tmp_path, {"containerd:overlayfs-ext4": "a\nb\\c"})
    describe(tmp_path, {"containerd:overlayfs-ext4": "d"})
    assert (tmp_path / "categories.json").read_text() == "[]"
    text = (tmp_path / "environment.properties").read_text()
    assert text == "theirs = 1\ncontainerd\\:overlayfs-ext4 = d\n"


def test_nothing_is_written_without_alluredir(run, fake_stand, tmp_path):
    """Without the option there is no plugin of ours for it."""
    done = run(CHECKS, "-p", "allure_pytest.plugin", "-k", "test_pass", "--trace-config")
    assert "roadworthy-allure" not in done.text
    assert done.verdicts == {"sample/pass": "pass"}


@pytest.mark.builds
def test_allure_draws_the_report(results, browser, tmp_path):
    """Allure's command line makes a page of the results in which verdicts are told apart; a browser shows the calls."""
    if not (npm := shutil.which("npm")):
        pytest.skip("needs npm: apt-get install npm")
    directory, _ = results()
    place = tmp_path / "npm"
    place.mkdir()
    (place / "package.json").write_text("{}")
    install = [npm, "install", "--no-audit", "--no-fund", "allure@3"]
    fetched = subprocess.run(install, cwd=place, capture_output=True, text=True, timeout=300, check=False)
    if fetched.returncode:
        pytest.skip(f"npm cannot fetch the package allure: {fetched.stderr.strip().splitlines()[-1:]}")
    allure = [str(place / "node_modules/.bin/allure"), "generate", f"--config={directory / 'allurerc.json'}"]
    page = tmp_path / "report"
    subprocess.run([*allure, str(directory), "-o", str(page)], cwd=place, timeout=300, check=True)
    listed = json.loads((page / "test-results.json").read_text())["byId"]
    failed = next(key for key, value in listed.items() if value["name"] == "sample/fail")
    categories_shown = browser(f"{(page / 'index.html').as_uri()}#categories").stdout
    for name in ("Broken promises", "Recorded breaks", "Recorded breaks that no longer happen", "Unsupported"):
        assert f">{name}<" in categories_shown, name
    shown = browser(f"{(page / 'index.html').as_uri()}#{failed}").stdout
    assert 'rename("a", "b") = -1 EXDEV (Invalid cross-device link)' in shown
    assert "facts of the lane" in shown
    assert not re.search(r">\s*missed\s*<", shown)  # said of an attachment that is not there
