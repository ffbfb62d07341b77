"""Rounds, random order, containers of their own, and the reference of a tree, on real daemons."""

import json
import re

import pytest

from roadworthy.reports.bundle import read_bundle

pytestmark = pytest.mark.real

SPOILING = """
@check("sample/spoils", provenance=("lower", "volume"))
@lower(f=b"lower", d__dir=Directory())
def test_spoils(fs, container, engine, observe):
    '''It finds its tree, and spoils it.'''
    observe("container", container.id)
    observe("daemon", engine.client.info()["DockerRootDir"])
    observe("names", fs.listdir())
    assert fs.load("f") == b"lower"
    fs.store("f", b"spoiled")
    fs.rmdir("d__dir")
    fs.mkdir("new")
    fs.mkdir(f"/volume/{fs.directory.rpartition('/')[2]}-beside")

@check("sample/other")
def test_other(fs, container, observe):
    '''It holds.'''
    observe("container", container.id)
    fs.store("f", b"")
"""

TREES = """
import pathlib

@check("sample/kept")
@lower(f=b"lower", g=b"other")
def test_kept(fs):
    '''It leaves what any file system would have.'''
    writer = fs.open("f", os.O_RDWR)
    fs.write(writer, b"new")
    fs.rename("g", "h")
    fs.symlink("f", "l")
    fs.link("f", "hard")
    fs.setxattr("h", "user.a", b"1")
    fs.chown("h", 5, 6)
    fs.mkdir("d", 0o700)

@check("sample/changed-behind-its-back")
@lower(f=b"lower")
def test_changed(fs, container):
    '''Its file changes without a call of its own.'''
    fs.chmod("f", 0o600)
    (container.proc / "root/c/sample.changed-behind-its-back/f").chmod(0o640)
"""


def values(run, check, name):
    return [seen["value"] for result in run.results() if result["check"] == check
            for seen in result["observations"] if seen["name"] == name]  # fmt: skip


@pytest.mark.parametrize("driver", ["overlay2", "native"])
def test_every_round_finds_its_trees_as_they_were(start, driver):
    """Rounds have containers and trees of their own; rounds on a fresh daemon have that, too."""
    run = start(SPOILING, "--repeat=2+1", "--random-order=3", driver=driver)
    assert run.end() == 0, run.text()[-3000:]
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    assert [result.verdict for result in found.results] == ["pass"] * 9
    assert len(set(values(run, "sample/spoils[lower]", "container"))) == 3
    first, second, third = values(run, "sample/spoils[lower]", "daemon")
    assert first == second != third
    assert len(set(values(run, "sample/spoils[volume]", "names"))) == 1
    assert "3 rounds of 3 checks: 0 flaky" in run.text()
    assert found.lanes[-1].facts["random order"] == {"seed": 3}
    assert run.left() == []


def test_every_round_has_layers_of_its_own(start):
    """What a round has done to the image's layers, the next one does not see."""
    run = start(
        """
@check("sample/spoils-its-layer")
@lower(f=b"lower")
def test_layer(fs, storage):
    '''It finds its layer, and spoils it.'''
    layer = storage.lower("f")
    assert layer.read_bytes() == b"lower"
    layer.write_bytes(b"spoiled")
""",
        "--repeat=2",
    )
    assert run.end() == 0, run.text()[-3000:]
    assert [result["verdict"] for result in run.results()] == ["pass", "pass"]
    assert run.left() == []


def test_an_isolated_check_has_a_container_of_its_own(start):
    """With --isolate no two checks share a container; the verdicts are what they are without."""
    run = start(SPOILING, "--isolate")
    assert run.end() == 0, run.text()[-3000:]
    containers = [value for check in ("sample/spoils[lower]", "sample/spoils[volume]", "sample/other")
                  for value in values(run, check, "container")]  # fmt: skip
    assert len(set(containers)) == 3
    assert run.left() == []


def test_rounds_and_order_go_to_workers_too(start):
    """With -n every worker has the same order, and one bundle has every round of every lane."""
    run = start(SPOILING, "-n", "2", "--driver=overlay2,vfs", "--repeat=2", "--random-order")
    assert run.process.wait(300) == 0, run.text()[-3000:]
    found = read_bundle(run.bundle)
    assert found.troubles == ()
    assert (found.plan.rounds, len(found.plan.cells), len(found.results)) == (2, 6, 12)
    (seed,) = {int(word) for word in re.findall(r"again with --shuffle-checks=(\d+)", run.text())}
    assert [record.facts["random order"] for record in found.lanes] == [{"seed": seed}] * 2
    assert run.left() == []


def test_a_tree_that_differs_from_the_reference_is_a_failure(start):
    """The tree is compared with what the same calls leave without layers, and what differs is named."""
    run = start(TREES)
    assert run.end() == 1
    assert run.verdicts() == {"sample/kept": "pass", "sample/changed-behind-its-back": "fail"}
    assert run.reasons()["sample/changed-behind-its-back"] == (
        "the tree differs from the reference's: f: the file's mode is 0640 against 0600"
    )
    assert values(run, "sample/changed-behind-its-back", "reference") == ["f: the file's mode is 0640 against 0600"]
    lane = next(record for record in run.records() if record["type"] == "lane")
    assert lane["facts"]["reference"] == {"compared": 2, "not compared": {}}, json.dumps(lane)
    assert run.left() == []


def test_without_the_reference_a_check_speaks_for_itself(start):
    """--no-reference leaves the trees alone."""
    run = start(TREES, "--no-reference")
    assert run.end() == 0
    assert set(run.verdicts().values()) == {"pass"}
    assert run.left() == []
