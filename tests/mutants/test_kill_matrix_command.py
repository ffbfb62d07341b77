"""`roadworthy site --kills`: the kill matrix beside the page of the runs, and a link to it."""

import json

import pytest
import sample
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.mutants.__main__ import main as sensitivity

MATRIX = {
    "schema": "1.0", "driver": "overlay2", "seconds": 60, "partial": False, "unstable": {}, "excused": {},
    "checks": {"rename/a": "pass"}, "mutants": [],
}  # fmt: skip


@pytest.fixture
def site(tmp_path):
    """The command on a sample bundle, with further words."""
    bundle = sample.write(tmp_path / "bundle", sample.records())

    def site(*words):
        return CliRunner().invoke(main, ["site", str(bundle), f"--output={tmp_path / 'site/index.html'}", *words])

    return site


def test_kill_matrix_is_a_page_of_the_site(site, tmp_path):
    (tmp_path / "kills.json").write_text(json.dumps(MATRIX))
    done = site(f"--kills={tmp_path / 'kills.json'}")
    assert done.exit_code == 0, done.output
    assert "Kill matrix, overlay2" in (tmp_path / "site/kills.html").read_text()
    assert '<a href="kills.html">Kill matrix</a>' in (tmp_path / "site/index.html").read_text()


def test_page_says_of_which_day_the_kill_matrix_is(site, tmp_path):
    (tmp_path / "kills.json").write_text(json.dumps(MATRIX | {"date": "2026-11-30"}))
    assert site(f"--kills={tmp_path / 'kills.json'}").exit_code == 0
    assert '<a href="kills.html">Kill matrix of 2026-11-30</a>' in (tmp_path / "site/index.html").read_text()


def test_page_without_a_kill_matrix_links_to_none(site, tmp_path):
    assert site().exit_code == 0
    assert "kills.html" not in (tmp_path / "site/index.html").read_text()


def test_what_is_no_kill_matrix_is_refused_in_a_line(site, tmp_path):
    (tmp_path / "kills.json").write_text("[]")
    done = site(f"--kills={tmp_path / 'kills.json'}")
    assert done.exit_code == 4
    assert "not a kill matrix, as `make sensitivity` writes it" in done.output
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("option", ["--kills", "--page"])
def test_a_users_file_is_refused_before_the_runs(tmp_path, option):
    """Hours of runs do not end in a file that may not be replaced."""
    theirs = tmp_path / "theirs"
    theirs.write_text("{}")
    done = CliRunner().invoke(sensitivity, ["--twin", f"{option}={theirs}", f"--out={tmp_path / 'out'}"])
    assert (done.exit_code, theirs.read_text()) == (4, "{}")
    assert f"{option}: {theirs}: it is there already, and Roadworthy did not make it" in done.output
    assert not (tmp_path / "out").exists()
