"""The command `roadworthy merge`: one bundle of many, and with which words it is refused."""

import json
import re
import shutil

import pytest
from asked import DRIVERS, KERNELS, MORE, ask

from roadworthy.command.exits import MISTAKE
from roadworthy.reports.bundle import FILE_NAME, read_bundle
from roadworthy.reports.made import MARK


def copy(tmp_path, name, source, change=lambda record: None, drop=0):
    """A copy of a recorded run whose records are changed, without its last `drop` lines."""
    (tmp_path / name).mkdir()
    records = [json.loads(line) for line in (source / FILE_NAME).read_text().splitlines()]
    for record in records:
        change(record)
    lines = [json.dumps(record) + "\n" for record in records[: len(records) - drop]]
    (tmp_path / name / FILE_NAME).write_text("".join(lines))
    return tmp_path / name


def test_any_order_makes_the_same_bytes(tmp_path):
    """Also from a directory that holds the bundles."""
    for name, words in {"one": (DRIVERS, KERNELS), "other": (KERNELS, DRIVERS)}.items():
        done = ask("merge", *words, "--output", tmp_path / name)
        assert done.exit_code == 0, done.stderr
        assert done.stdout.startswith(f"{tmp_path}/{name}/{FILE_NAME}: 2 bundles, 9 lanes, ")
    (tmp_path / "in").mkdir()
    for run in (DRIVERS, KERNELS):
        shutil.copytree(run, tmp_path / "in" / run.name)
    assert ask("merge", tmp_path / "in", "--output", tmp_path / "third").exit_code == 0
    written = {(tmp_path / name / FILE_NAME).read_bytes() for name in ("one", "other", "third")}
    assert len(written) == 1


def test_an_earlier_merge_is_replaced_and_a_run_is_not(tmp_path):
    """Nothing that the suite did not make, and no bundle of a run, is written over."""
    for _ in range(2):
        assert ask("merge", DRIVERS, "--output", tmp_path / "merged").exit_code == 0
    assert (tmp_path / "merged" / MARK).exists()
    run = copy(tmp_path, "run", KERNELS)
    before = (run / FILE_NAME).read_bytes()
    done = ask("merge", DRIVERS, "--output", run)
    assert (done.exit_code, (run / FILE_NAME).read_bytes()) == (MISTAKE, before)
    assert "Roadworthy did not make it; name another --output" in done.stderr


def test_a_lane_of_two_bundles_is_refused_by_its_name(tmp_path):
    """With the names of both bundles; nothing is written."""
    again = copy(tmp_path, "again", DRIVERS)
    done = ask("merge", DRIVERS, again, "--output", tmp_path / "merged")
    assert done.exit_code == MISTAKE
    assert re.search(r"duplicate lanes .*\boverlay2-ext4-docker20\.10-linux6\.18\b.*: answered twice in ", done.stderr)
    assert str(again / FILE_NAME) in done.stderr
    assert str(DRIVERS / FILE_NAME) in done.stderr
    assert not (tmp_path / "merged").exists()


def test_mixed_schemas_are_refused_by_name(tmp_path):
    newer = copy(tmp_path, "newer", KERNELS, lambda record: "schema" in record and record.update(schema="1.7"))
    done = ask("merge", DRIVERS, newer, "--output", tmp_path / "merged")
    assert done.exit_code == MISTAKE
    assert f"mixed schemas: 1.0 in {DRIVERS}/{FILE_NAME}; 1.7 in {newer}/{FILE_NAME}" in done.stderr


def test_a_truncated_bundle_is_refused_by_name_unless_it_is_allowed(tmp_path):
    """Allowed, it makes a bundle that says that it is incomplete."""
    cut = copy(tmp_path, "cut", KERNELS, drop=1)
    done = ask("merge", DRIVERS, cut, "--output", tmp_path / "merged")
    assert done.exit_code == MISTAKE
    assert f"truncated bundle {cut}/{FILE_NAME}: it has no closing record" in done.stderr
    assert ask("merge", DRIVERS, cut, "--output", tmp_path / "merged", "--allow-truncated").exit_code == 0
    assert "it has no closing record" in read_bundle(tmp_path / "merged").troubles[0]


def test_every_hindrance_is_told_at_once(tmp_path):
    """A bundle that cannot be read, and one that is cut short."""
    broken, cut = copy(tmp_path, "broken", MORE, lambda record: record.update(type="?")), tmp_path / "cut"
    copy(tmp_path, "cut", KERNELS, drop=1)
    done = ask("merge", broken, cut, "--output", tmp_path / "merged")
    assert done.exit_code == MISTAKE
    assert f"{broken}/{FILE_NAME}, line 1: the first record must be the plan" in done.stderr
    assert "truncated bundle" in done.stderr


@pytest.mark.parametrize("public", [True, False])
def test_what_is_published_alone(tmp_path, public):
    """With --published the bundle has what a page would have; otherwise it has everything."""

    def secret(record):
        if record["type"] == "lane":
            record["facts"] = {**record.get("facts", {}), "secret": "s3cr3t"}
        if record["type"] == "result":
            record["reason"] = "seen on build77"

    run = copy(tmp_path, "run", KERNELS, secret)
    words = ["--published", "--redact=build77"] if public else []
    assert ask("merge", run, "--output", tmp_path / "merged", *words).exit_code == 0
    text = (tmp_path / "merged" / FILE_NAME).read_text()
    assert ("s3cr3t" in text, "build77" in text) == (not public, not public)


def test_names_are_hidden_in_what_is_published_only(tmp_path):
    done = ask("merge", KERNELS, "--output", tmp_path / "merged", "--redact=x")
    assert done.exit_code == MISTAKE
    assert "say --published" in done.stderr
