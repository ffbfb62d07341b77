"""A log that a run has kept: what it says of an operation, and the disk that it makes again."""

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.programs import run as run_program
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.cuts import log_path

pytestmark = pytest.mark.real

CONTENT = "synced " * 1000
CHECKS = f"""
from os import O_RDONLY

from roadworthy.cuts.operation import operation

@operation("write", usual=2)
def write(store):
    '''A new file and its fsync.'''
    fs = store.process(made := store.laid_out({{"old": b"image"}}))
    yield None
    fs.store("kept", {CONTENT.encode()!r})
    for path in ("kept", "."):
        fs.fsync(fs.open(path, O_RDONLY))
    yield store.file(made, "kept", {CONTENT.encode()!r}, None, b"")

@check("sample/synced")
def test_synced(cuts):
    '''It is there.'''
    assert cuts(write).lost().worst == "whole"
"""
#: Mounts an image in a namespace that ends with this shell, and so does its loop device; prints the files of that name.
SHOWN = 'mount -o loop "$1" "$2"; find "$2" -path "*/diff/*/kept" -exec cat {} +'


def cut(*words):
    done = CliRunner().invoke(main, ["cut", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_disk_of_a_cut_is_made_again_from_its_log(start, tmp_path):
    """The log names the calls and what was acknowledged; the disk before has no such file, the one after has it all."""
    run = start(CHECKS, "--keep-logs")
    assert run.process.wait(180) == 0, run.text()[-3000:]
    (result,) = read_bundle(run.bundle).results
    assert (result.cuts.operation, result.cuts.worst, result.cuts.kept) == ("write", "whole", True)
    log = run.bundle / log_path(result.lane, "write")
    lines = cut(log).splitlines()
    assert lines[0] == f"write on {result.lane}: A new file and its fsync."
    assert any("fsync(" in line for line in lines)
    acknowledged = next(number for number, line in enumerate(lines) if "acknowledged: kept" in line)
    after = next(line for line in reversed(lines[:acknowledged]) if line.startswith("flush")).split()[1]
    (tmp_path / "mount").mkdir()
    found = {}
    for flush in ("0", after):
        image = tmp_path / f"{flush}.img"
        assert "mount -o loop" in cut(log, f"--flush={flush}", f"--out={image}")
        words = ["unshare", "--mount", "sh", "-ec", SHOWN, "sh", str(image), str(tmp_path / "mount")]
        found[flush] = run_program(words)
    assert found == {"0": "", after: CONTENT}
    assert run.left() == []
