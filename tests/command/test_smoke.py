"""`roadworthy smoke`: some hundred short checks on one driver, told in a table."""

import json

import pytest
import sample
from asked import DRIVERS, ask

from roadworthy.command import smoke
from roadworthy.command.parts import Ended
from roadworthy.command.recording import Recorded
from roadworthy.declaring.known import checks_known
from roadworthy.reports.bundle import read_bundle


@pytest.fixture
def said(monkeypatch):
    """Answer in place of a run of pytest; the words of the run that was asked for."""

    def answer(bundle, output=""):
        words = []

        def recorded(given, what):
            words.extend(given)
            return Recorded(Ended(0), bundle, output)

        monkeypatch.setattr(smoke, "recorded", recorded)
        return words

    return answer


def test_families_are_counted_and_breaks_told(said):
    words = said(read_bundle(DRIVERS))
    done = ask("smoke", "--driver=overlay2", "--backing=xfs")
    assert done.exit_code == 0
    assert words[:4] == ["--driver=overlay2", "--backing=xfs", "--engine=host", "--kernel=host"]
    assert words[words.index("-m") + 1] == "not slow"
    assert "rename/merged-dir" in done.stdout
    assert "overlayfs will not rename a directory that a lower layer has" in done.stdout


def test_every_family_that_is_asked_has_checks(said):
    """All of them are short, so that a smoke test takes seconds."""
    families = {one.family for one in checks_known().values() if not one.slow}
    assert set(smoke.FAMILIES) <= families


def test_an_unexplained_break_fails(said, tmp_path):
    """As in a run of pytest."""
    bundle = read_bundle(sample.write(tmp_path, sample.records()))
    assert any(result.verdict == "fail" for result in bundle.results)
    said(bundle)
    done = ask("smoke", "--driver=overlay2", "--json")
    assert done.exit_code == 1
    assert "fail" in {one["verdict"] for one in json.loads(done.stdout)["broken"]}


def test_what_cannot_be_asked_says_why(said):
    """Neither a run without a bundle nor one that skipped everything is green."""
    said(None, "ERROR: something is missing")
    done = ask("smoke", "--driver=overlay2")
    assert (done.exit_code, "could not be asked: ERROR: something is missing" in done.stdout) == (3, True)


@pytest.mark.parametrize(("words", "hint"), [(["--driver=ovelay2"], "'overlay2'"), ([], "name a storage driver")])
def test_a_mistake_is_answered(words, hint):
    done = ask("smoke", *words)
    assert (done.exit_code, hint in done.stderr) == (4, True)
