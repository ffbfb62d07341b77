"""`roadworthy explore` before anything starts: what it refuses, and with which words."""

import json

import pytest
from click.testing import CliRunner

from roadworthy.command import axes
from roadworthy.command.cli import main
from roadworthy.engine_name import EngineName
from roadworthy.explorer import search
from roadworthy.explorer.operations import Operation, Sequence


@pytest.fixture
def explore(monkeypatch, tmp_path):
    """Run the command; a search that it begins is only written down."""
    begun = []

    def searched(*arguments):
        begun.append(arguments)
        return 0

    def explore(*words):
        done = CliRunner().invoke(main, ["explore", f"--bundle={tmp_path / 'found'}", *words])
        return done.exit_code, done.output, begun

    monkeypatch.setattr(axes, "installed_engine", lambda: EngineName("docker", "20.10"))
    monkeypatch.setattr(search, "searched", searched)
    return explore


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--driver=overlay3"], "did you mean 'overlay2'"),
        (["--driver=overlay2", "--backing=ext5"], "ext4"),
        (["--driver=vfs,btrfs"], "expected one lane, got 2"),
        ([], "name a storage driver"),
        (["--driver=vfs", "--minutes=0"], "--minutes"),
        (["--driver=vfs", "--minutes=nan"], "'nan' is not an amount"),
        (["--driver=vfs", "--minutes=inf"], "'inf' is not an amount"),
        (["--driver=vfs", "--processes=4"], "1<=x<=3"),
        (["--driver=vfs", "--replay=/nowhere"], "--replay"),
        (["--driver=vfs", "--sed=1"], "--seed"),
    ],
)
def test_a_mistake_is_told_before_anything_starts(explore, words, said):
    """A wrong word is a usage error that names what was expected."""
    code, output, begun = explore(*words)
    assert (code, begun) == (4, [])
    assert said in output


def test_a_directory_that_holds_something_is_refused(explore, tmp_path):
    """Two searches never share a directory."""
    (tmp_path / "found").mkdir()
    (tmp_path / "found/explorer.jsonl").touch()
    code, output, begun = explore("--driver=vfs")
    assert (code, begun) == (4, [])
    assert "is not empty" in output


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "holds no sequence"), ("{", "kept.jsonl:1: "), ('{"sequence": 1}', "a sequence is an object")],
)
def test_what_is_no_record_of_a_search_is_refused(explore, tmp_path, text, said):
    """A file to replay is told to be wrong with its line."""
    (tmp_path / "kept.jsonl").write_text(text)
    code, output, begun = explore("--driver=vfs", f"--replay={tmp_path / 'kept.jsonl'}")
    assert (code, begun) == (4, [])
    assert said in output


def test_what_the_options_say_reaches_the_search(explore, tmp_path):
    """Lane, seed, processes, time and the sequences to replay are handed on."""
    kept = Sequence(True, (Operation(0, "write", (b"a",), slot=0),))
    (tmp_path / "kept.jsonl").write_text(json.dumps({"sequence": kept.as_json()}))
    code, output, begun = explore(
        "--driver=vfs", "--backing=xfs", "--seed=7", "--processes=2", "--minutes=0.5",
        f"--replay={tmp_path / 'kept.jsonl'}",
    )  # fmt: skip
    assert code == 0, output
    lane, expired, directory, *rest = begun[0]
    assert (lane.driver.name, lane.backing, expired, directory) == ("vfs", "xfs", False, tmp_path / "found")
    assert rest == [7, 2, 30.0, [kept]]
