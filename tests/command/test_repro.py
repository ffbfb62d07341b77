"""`roadworthy repro`: a script of a recorded cell, or the reason why there is none."""

import json
import os
import subprocess

import pytest
from asked import DRIVERS, ask

from roadworthy.command import repro


def asked(*words):
    return ask("repro", *words, f"--bundle={DRIVERS}")


@pytest.fixture(autouse=True)
def no_runs(monkeypatch):
    """Nothing is run for calls that are not recorded."""

    def recorded(words, what):
        raise AssertionError(f"{what}: {words}")

    monkeypatch.setattr(repro, "recorded", recorded)


def test_a_script_is_printed_as_it_is():
    done = asked("overlay2/rename/merged-dir")
    assert done.exit_code == 0
    assert done.stdout.startswith("#!/bin/sh\n# rename/merged-dir, on overlay2: A directory with old and new")
    assert 'said(rename("old", "new")' in done.stdout
    assert "mount -t overlay" in done.stdout


def test_the_calls_are_those_of_the_reference():
    """They go to the end, where those of the lane stop at the break."""
    assert "list(" in asked("overlay2/rename/merged-dir").stdout.partition("static void calls(void)")[2]


def test_an_engine_is_asked_if_the_user_says_so():
    text = asked("overlay2/rename/merged-dir", "--with-engine").stdout
    assert "mount -t overlay" not in text
    assert "${ENGINE:-docker}" in text
    assert "${ENGINE:-podman}" in asked("podman:overlay/rename/merged-dir").stdout


def test_a_broken_case_comes_first():
    """Without a case, the first one that breaks on the lane is taken."""
    text = asked("fuse-overlayfs/open/o-tmpfile").stdout
    assert text.splitlines()[1].startswith("# open/o-tmpfile[lower], on fuse-overlayfs")


def test_a_script_goes_to_a_new_file(tmp_path):
    path = tmp_path / "show.sh"
    assert asked("overlay2/rename/merged-dir", f"--output={path}").exit_code == 0
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0
    assert os.access(path, os.X_OK)
    again = asked("overlay2/rename/merged-dir", f"--output={path}")
    assert (again.exit_code, "exists and is not overwritten" in again.stderr) == (4, True)


def test_a_program_gets_the_script_or_the_reason():
    found = json.loads(asked("overlay2/rename/merged-dir", "--json").stdout)
    assert found["script"].startswith("#!/bin/sh")
    none = asked("btrfs/grid/runs-or-refuses[ext4]", "--json")
    assert none.exit_code == 3
    assert json.loads(none.stdout)["reason"] == "it starts daemons of its own"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("rename/merged-dir", "is not LANE/CHECK"),
        ("overlay2/rename/mergd-dir", "did you mean 'rename/merged-dir'?"),
        ("ovelay2/rename/merged-dir", "did you mean 'overlay2"),
        ("some text", "is not LANE/CHECK"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest_word(word, said):
    done = asked(word)
    assert (done.exit_code, said in done.stderr) == (4, True), done.stderr
