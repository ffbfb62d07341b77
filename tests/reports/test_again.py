"""The command to run a cell again: it selects that check on that lane, for every lane of every matrix file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from _pytest.config.argparsing import Parser

from roadworthy.engine_name import EngineName
from roadworthy.lane.matrix_file import lanes_named, matrix_lanes
from roadworthy.reports.again import rerun_command, target, where, words
from roadworthy.reports.records import Check, Lane
from roadworthy.run.options import AXES, DRIVERS_NAMED, add_free_options, add_options

ROOT = Path(__file__).parents[2]
INSTALLED, RUNNING = EngineName("docker", "20.10"), "linux6.18"
CHECK = Check(id="a/b[copied-up]", family="a", promise="It holds.", provenance="copied-up",
              file="conformance/posix/test_a.py", line=1)  # fmt: skip
NODE = "conformance/posix/test_a.py::test_of_b[lane-round2-copied-up]"


@pytest.fixture
def kernel(tmp_path, monkeypatch) -> Path:
    """A kernel of one's own, as the matrices ask for it, at a path that a shell would take apart."""
    image = tmp_path / "a kernel's $image"
    head = bytes(0x202) + b"HdrS" + bytes(8) + (0x300).to_bytes(2, "little") + bytes(0x2F0)
    image.write_bytes(head + b"5.10.99-aufs\0")
    monkeypatch.setenv("AUFS_KERNEL", str(image))
    return image


def typed(command: str, kernel: Path) -> list[str]:
    """The words that a shell makes of a command."""
    script = command.replace("pytest", "printf '%s\\0'", 1)
    environment = {**os.environ, "KERNEL": str(kernel)}
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split("\0")[:-1]


def selected(argv: list[str], installed: EngineName = INSTALLED, running: str = RUNNING):
    """The lanes that pytest's command line names, by the plugin's own options."""
    parser = Parser(_ispytest=True)
    add_options(parser)
    add_free_options(parser)
    given = parser.parse_known_args(argv)
    named = {axis: getattr(given, DRIVERS_NAMED if axis == "driver" else axis) for axis in AXES}
    return lanes_named(named, given.matrix, installed, running)


@pytest.mark.parametrize("matrix", sorted((ROOT / "matrices").glob("*.toml")), ids=lambda path: path.stem)
def test_every_lane_of_every_matrix_is_selected_by_its_command(matrix, kernel):
    """Typed into a shell, and read by the plugin's options, the command names that lane and no other."""
    lanes = matrix_lanes(matrix, INSTALLED, RUNNING)
    for lane in lanes:
        argv = typed(rerun_command(lane.record(), CHECK, NODE), kernel)
        assert [one.id for one in selected(argv)] == [lane.id]
        assert argv[-3:] == ["-k", CHECK.id, "conformance/posix/test_a.py::test_of_b"]
        older = msgspec.structs.replace(lane.record(), words=[])
        if lane.root and lane.source not in ("host", str(kernel)):  # of others an old bundle says too little
            assert [one.id for one in selected(words(older))] == [lane.id]


def test_options_with_blanks_and_quotes_survive_the_shell(kernel):
    """An option of the driver reaches pytest as it was given."""
    odd = "dm.mkfsarg=-O 'a b' $HOME; `id`"
    lane = Lane(id="l", driver="overlay2", backing="ext4", engine="docker20.10", kernel="6.18",
                words=["--driver=overlay2", f"--driver-opt={odd}"])  # fmt: skip
    assert f"--driver-opt={odd}" in typed(rerun_command(lane, CHECK, NODE), kernel)


def test_the_command_works_where_the_host_has_another_engine_and_kernel():
    """It has no lane's id in it, which would not exist there; what host means stands beside it."""
    lane = next(iter(matrix_lanes(ROOT / "matrices/smoke.toml", INSTALLED, RUNNING))).record()
    argv = rerun_command(lane, CHECK, NODE).replace("\\\n", " ").split()
    elsewhere = selected(argv, EngineName("docker", "28.5"), "linux6.12")
    assert [one.id for one in elsewhere] == ["overlay2-ext4-docker28.5-linux6.12"]
    assert "lane" not in argv[-1]
    assert where(lane) == "host is what the machine has on which you run it; here it was docker20.10 on Linux 6.18."


def test_a_kernel_of_ones_own_is_a_variable(kernel):
    """A path of this machine is not in the command; what has to be there in its place is said."""
    lanes = matrix_lanes(ROOT / "matrices/weekly.toml", INSTALLED, RUNNING)
    aufs = next(lane for lane in lanes if lane.driver.name == "aufs").record()
    command = rerun_command(aufs, CHECK, NODE)
    assert '--kernel="$KERNEL"' in command
    assert str(kernel) not in command
    assert where(aufs) == "KERNEL is the path of a kernel of series 5.10, see docs/bring-your-own-kernel.md."


@pytest.mark.parametrize("name", ["", "mine="])
def test_an_engine_of_ones_own_is_a_variable(name):
    """A name that was given to it stays; what has to be there in the place of the path is said."""
    asked = ["--driver=overlay2", "--backing=ext4", f"--engine={name}PATH", "--kernel=PATH"]
    lane = Lane(id="l", driver="overlay2", backing="ext4", engine="docker29.1", kernel="6.18", words=asked)
    assert f'--engine={name}"$ENGINE" --kernel="$KERNEL"' in rerun_command(lane, CHECK, NODE)
    said = (
        "ENGINE is the path of an engine like docker29.1, see docs/bring-your-own-engine.md. KERNEL is the path of a k"
    )
    assert where(lane).startswith(said)


@pytest.mark.parametrize(
    ("check", "nodeid", "said"),
    [
        ("a/b", "t.py::test_b[lane]", ["t.py::test_b"]),
        ("a/b", "t.py::TestB::test_b[lane]", ["t.py::TestB::test_b"]),
        ("a/b[no-number]", "t.py::test_b[lane-no-number]", ["-k", "a/b[no-number]", "t.py::test_b"]),
        ("a/b[x or y]", "t.py::test_b[lane-x or y]", ["t.py::test_b[lane-x or y]"]),
        ("a/b", "t.py", ["t.py"]),
    ],
)
def test_a_check_is_named_by_its_function_and_case(check, nodeid, said):
    """A case that -k would read as an expression is named by the test's whole id."""
    assert target(msgspec.structs.replace(CHECK, id=check, file="t.py"), nodeid) == said


def test_pytest_collects_that_check_alone():
    """pytest itself takes the words: of a check with three cases the one that is asked for."""
    name = "conformance/durability/test_fsync_reaches_device.py"
    check = msgspec.structs.replace(CHECK, id="dura/fsync-ro-fd[copied-up]", file=name)
    words = [*target(check, f"{name}::test_fsync_through_a_descriptor_opened_read_only[x-copied-up]")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--driver=native",
        "--collect-only",
        "-q",
        *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(found) == 1, done.stdout + done.stderr
    assert found[0].endswith("-copied-up]")
