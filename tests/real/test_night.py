"""The steps of a night, as the workflows have them, run in order on this machine for two nights."""

import json
import os
import shlex
import subprocess

import pytest
from newcomer import ROOT

from roadworthy.command.workflow import STEPS

pytestmark = pytest.mark.real

MATRIX = '[axes]\ndriver = ["overlay2", "vfs"]\n'
GUESTS = '[[include]]\ndriver = "overlay2"\nkernel = ["6.1", "5.10"]\n'


class Night:
    """A checkout of the suite's in which the steps run, each in a shell of its own."""

    def __init__(self, place, matrix):
        self.place = place
        place.mkdir()
        (place / ".venv").symlink_to(ROOT / ".venv")
        (place / "matrix.toml").write_text(matrix)

    def step(self, name, **variables):
        """Do a step; returns its exit status and what it prints."""
        here = {**os.environ, "MATRIX": "matrix.toml", "SELECT": "", "PYTHONPATH": str(ROOT),
                "BUNDLES": "kept/bundles", "PUBLIC": "kept/docs", **variables}  # fmt: skip
        done = subprocess.run(
            ["sh", "-e", "-c", STEPS[name]], cwd=self.place, env=here, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout

    def whole(self, date, select, without=(), mutant=""):
        """All steps of a night: the verdict's exit status, and the summary.

        A mutant breaks the lanes of this host's kernel; those of guests run on the sound driver, because mutants run
        on this host's kernel only.
        """
        assert self.step("plan", FORMAT="github")[0] == 0
        for job in json.loads((self.place / "lanes.yml").read_text())["include"]:
            if job["lane"].partition("-")[0] not in without:
                broken = f" --mutant={mutant}" if mutant and not job["guest"] else ""
                status, said = self.step("lane", ARGUMENTS=job["arguments"], NAME=job["name"], SELECT=select + broken)
                assert status == 0, said
        status, said = self.step("publish", DATE=date)
        assert status == 0, said
        status, _ = self.step("verdict")
        subprocess.run(["rm", "-r", self.place / "night"], check=True)
        return status, (self.place / "summary.md").read_text()


@pytest.fixture(
    params=[pytest.param(MATRIX, id="host"), pytest.param(MATRIX + GUESTS, id="guests", marks=pytest.mark.guest)]
)
def night(request, tmp_path):
    return Night(tmp_path / "night", request.param)


CHECKS = "identity/ro-fd-sees-rw-write or open/o-append"


def test_two_nights(night):
    """The first has nothing before it; the second says what newly fails, and which lane never reported."""
    select = shlex.join(["-k", CHECKS])
    status, said = night.whole("2026-11-29", select)
    assert status == 0, said
    assert "There is no run before this one." in said
    status, said = night.whole("2026-11-30", select)
    assert (status, "nothing changed" in said) == (0, True), said
    status, said = night.whole("2026-12-01", select, without=("vfs",), mutant="append-overwrites")
    assert status == 1, said
    assert "newly failing" in said
    assert "- `vfs-ext4-" in said.partition("### lanes that never reported")[2]
    kept = night.place / "kept"
    nights = ["2026-11-29", "2026-11-30", "2026-12-01"]
    assert sorted(path.name for path in (kept / "bundles").iterdir()) == nights
    assert all((kept / "docs/edition" / name / "index.html").is_file() for name in nights)
    assert json.loads((kept / "docs/data/changes.json").read_text())["worse"] is True
    assert str(night.place) not in "".join(path.read_text() for path in (kept / "bundles").rglob("bundle.jsonl"))
