"""The files with which CI systems run a night: they are what the command prints, and what those systems accept."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from asked import ask

from roadworthy.command.exits import FOUND, MISTAKE
from roadworthy.command.workflow import FILES, STEPS, TODAY

ROOT = Path(__file__).parents[2]
#: The schemas that check-jsonschema has, by file. GitLab's `!reference` is no plain YAML.
SCHEMAS = {
    ".github/workflows/nightly.yml": ["vendor.github-workflows"],
    "action.yml": ["vendor.github-actions"],
    ".gitlab-ci.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
    ".gitlab/roadworthy-lane.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}


@pytest.mark.parametrize("system", FILES)
def test_the_files_of_this_repository_are_those_of_the_command(system):
    """After a change: roadworthy workflow SYSTEM --write."""
    done = ask("workflow", system)
    assert done.exit_code == 0
    for name, made in FILES[system].items():
        assert (ROOT / name).read_text() == made()
        assert f"# {name}\n{made()}" in done.stdout


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_systems_accept_their_files(name):
    """By the schemas that they publish."""
    schema, *more = SCHEMAS[name]
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *more, str(ROOT / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_plain_sh(name):
    """Read by the shell that runs it, without running it."""
    subprocess.run([shutil.which("dash") or "sh", "-n", "-c", TODAY + STEPS[name]], check=True)


def test_a_lane_is_a_job_in_each_form():
    """Under a name that a file may have, and with options that select it."""
    words = ["lanes", "--driver=containerd:erofs", "--engine=docker-28.5", "--driver-opt=sync_fs=true"]
    (job,) = json.loads(ask(*words, "--format=github").stdout)["include"]
    assert job["lane"].startswith("containerd:erofs+sync_fs=true-ext4-docker28.5-")
    assert job["name"].startswith("containerd_erofs_sync_fs_true-ext4-docker28.5-")
    assert ask("lanes", *shlex.split(job["arguments"])).stdout.strip() == job["lane"]
    line = f"roadworthy run {job['arguments']} --bundle=bundles/{job['name']}"
    assert ask(*words, "--format=shell").stdout.strip() == line
    assert f'test: "{line}"' in ask(*words, "--format=tmt").stdout
    assert f'  variables:\n    LANE: "{job["lane"]}"\n' in ask(*words, "--format=gitlab").stdout
    assert ask(*words, "--format=jenkins").exit_code == MISTAKE


def test_lanes_that_never_reported_are_named(tmp_path):
    """Those that a bundle has verdicts of are left out; if any is left, the command fails."""
    plan = {"type": "plan", "schema": "1.0", "run": "r", "started": "2026-11-30T01:00:00Z", "suite": {}, "argv": [],
            "lanes": [], "checks": [{"id": "a/b", "family": "a", "promise": "p", "provenance": "upper", "file": "f",
                                     "line": 1}], "cells": []}  # fmt: skip
    vfs, overlay2 = ask("lanes", "--driver=vfs,overlay2").stdout.split()
    plan["lanes"] = [{"id": vfs, "driver": "vfs", "backing": "ext4", "engine": "docker20.10", "kernel": "6.1"}]
    plan["cells"] = [[vfs, "a/b"]]
    result = {"type": "result", "lane": vfs, "check": "a/b", "nodeid": "a", "verdict": "pass", "seconds": 0.1,
              "at": "2026-11-30T01:00:00Z"}  # fmt: skip
    (tmp_path / "bundle.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (plan, result)))
    done = ask("lanes", "--driver=vfs,overlay2", f"--reported={tmp_path}")
    assert (done.exit_code, done.stdout.split()) == (FOUND, [overlay2])
    assert ask("lanes", "--driver=vfs", f"--reported={tmp_path}").exit_code == 0
