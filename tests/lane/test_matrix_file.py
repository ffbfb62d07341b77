"""The matrix file: which lanes it means, and where it says that a mistake is."""

import json
import os
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.engine_name import EngineName
from roadworthy.lane.lanes import LaneError
from roadworthy.lane.matrix_file import matrix_lanes

SHIPPED = sorted((Path(__file__).parents[2] / "matrices").glob("*.toml"))


@pytest.fixture
def lanes(tmp_path):
    """Reads a matrix of this text; the ids of its lanes, on Docker 20.10 and Linux 6.18."""

    def read(text):
        path = tmp_path / "m.toml"
        path.write_text(text)
        return [lane.id for lane in matrix_lanes(path, EngineName("docker", "20.10"), "linux6.18")]

    return read


def test_every_combination_of_the_axes_is_a_lane(lanes):
    """Axes multiply; a driver takes of the backings what it accepts."""
    found = lanes('[axes]\ndriver = ["overlay2", "btrfs"]\nbacking = ["ext4", "btrfs"]\nkernel = ["host", "6.1"]\n')
    assert found == [
        f"{lane}-docker20.10-linux{kernel}"
        for lane, kernel in [
            ("overlay2-ext4", "6.18"), ("overlay2-btrfs", "6.18"), ("overlay2-ext4", "6.1"), ("overlay2-btrfs", "6.1"),
            ("btrfs-btrfs", "6.18"), ("btrfs-btrfs", "6.1"),
        ]
    ]  # fmt: skip


def test_a_lane_is_left_out_where_all_that_is_named_fits(lanes):
    """[[exclude]] takes lanes of [axes] away; each of its axes has to fit."""
    text = '[axes]\ndriver = ["overlay2", "vfs"]\nkernel = ["host", "6.1"]\n'
    assert lanes(f'{text}[[exclude]]\ndriver = "vfs"\nkernel = ["6.1", "7.2"]\n') == [
        "overlay2-ext4-docker20.10-linux6.18", "overlay2-ext4-docker20.10-linux6.1", "vfs-ext4-docker20.10-linux6.18",
    ]  # fmt: skip


def test_further_lanes_come_on_top(lanes):
    """[[include]] multiplies its own axes, engines and options too, and needs no [axes]."""
    assert lanes('[[include]]\ndriver = "overlay2"\nengine = ["docker-26.1", "docker-28.5"]\n') == [
        "overlay2-ext4-docker26.1-linux6.18", "overlay2-ext4-docker28.5-linux6.18",
    ]  # fmt: skip
    assert lanes('[[include]]\ndriver = "overlay2"\nkernel = "6.1"\nkernel-opt = ["overlay.metacopy=on"]\n') == [
        "overlay2-ext4-docker20.10-linux6.1+overlay.metacopy=on"
    ]


def test_modes_are_an_axis(lanes):
    """A mode multiplies, and an [[exclude]] may name it, the usual one by its name."""
    text = '[axes]\ndriver = ["overlay2", "vfs"]\nmode = ["rootful", "userns-remap"]\n'
    assert lanes(f'{text}[[exclude]]\ndriver = "vfs"\nmode = "rootful"\n') == [
        "overlay2-ext4-docker20.10-linux6.18", "overlay2-ext4-docker20.10-linux6.18-userns-remap",
        "vfs-ext4-docker20.10-linux6.18-userns-remap",
    ]  # fmt: skip


def test_lanes_are_left_out_by_their_engine(lanes):
    """By the name of an engine root, or by `host`."""
    text = '[axes]\ndriver = "overlay2"\nengine = ["host", "docker-26.1"]\n[[exclude]]\nengine = "{}"\n'
    assert lanes(text.format("docker-26.1")) == ["overlay2-ext4-docker20.10-linux6.18"]
    assert lanes(text.format("host")) == ["overlay2-ext4-docker26.1-linux6.18"]


def test_a_value_may_be_that_of_a_variable(lanes, monkeypatch):
    """What lies elsewhere on every host is named by the environment, and left out where it is not."""
    text = '[axes]\ndriver = "overlay2"\nkernel = ["$OWN_KERNEL", "6.1"]\n'
    monkeypatch.setenv("OWN_KERNEL", "6.12")
    assert lanes(text) == ["overlay2-ext4-docker20.10-linux6.12", "overlay2-ext4-docker20.10-linux6.1"]
    monkeypatch.delenv("OWN_KERNEL")
    assert lanes(text) == ["overlay2-ext4-docker20.10-linux6.1"]
    assert lanes(text.replace(', "6.1"', "")) == ["overlay2-ext4-docker20.10-linux6.18"]
    monkeypatch.setenv("OWN_KERNEL", "/nowhere/bzImage")
    with pytest.raises(LaneError, match=r"m\.toml:\d: --kernel: /nowhere/bzImage does not exist"):
        lanes(text)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[axes]\ndriver = [\n  "vfs",\n  "overlya2",\n]\n', 4, "unknown driver 'overlya2'; did you mean 'overlay2'"),
        ('[axes]\ndriver = "vfs"\nkernal = "6.1"\n', 3, "unknown axis 'kernal'; did you mean 'kernel'"),
        ('axes = { driver = "vfs", kernal = "6.1" }\n# more\n', 1, "'kernal'; did you mean 'kernel'"),
        ('# more\naxes = { driver = "vfs", krnel = "6.1" }\n', 2, "'krnel'; did you mean 'kernel'"),
        ('[axes]\ndriver = "vfs"\n[[include]]\ndriver = "vfs"\nkernel = "6.2"\n', 5, "no kernel 6.2"),
        ('[axes]\ndriver = "vfs"\nbacking = 4\n', 3, "expected text in quotes, got 4"),
        ('[axes]\ndriver = "vfs"\n[[exclude]]\ndriver = "btrfs"\n', 3, "leaves out no lane"),
        ('[axes]\ndriver = "vfs"\n[[exclude]]\n', 3, "names nothing"),
        ('[axes]\ndriver = "vfs"\n\n[[include]]\ndriver = "vfs"\n', 4, "is in the matrix already"),
        ('[axes]\nbacking = "ext4"\n', 1, "names no driver"),
        ('[axs]\ndriver = "vfs"\n', 1, "unknown section 'axs'; did you mean 'axes'"),
        ('# more\n[[axes]]\ndriver = "vfs"\n[[axes]]\ndriver = "btrfs"\n', 2, "expected one table, written [axes]"),
        ('# more\n[[axs]]\ndriver = "vfs"\n[[axs]]\ndriver = "vfs"\n', 2, "section 'axs'; did you mean"),
        ('[axes]\ndriver = "vfs\n', 2, "Illegal character"),
        ('[axes]\ndriver = "vfs"\nmode = "rootles"\n', 3, "unknown mode 'rootles'; "),
        ('[axes]\ndriver = "vfs"\nkernel-opt = "overlay.metacopy=on"\n', 3, "name one, as in --kernel=6.1"),
        ('[axes]\ndriver="vfs"\nkernel="6.1"\nkernel-opt = "overlay.meta=on"\n', 1, "did you mean 'metacopy'"),
        ('[axes]\ndriver = "vfs"\n[[exclude]]\ndriver = "vfs"\n', 1, "no lane is left"),
        ("", 1, "expected [axes] or [[include]]"),
        ('[axes]\ndriver = "btrfs"\nbacking = "ext4"\n', 2, "btrfs does not run on ext4"),
    ],
    ids=lambda value: str(value)[:28] if isinstance(value, str) and "\n" not in value else "",
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(lanes, text, line, said):
    """Every refusal begins with file and line, and says what was expected."""
    with pytest.raises(LaneError) as refused:
        lanes(text)
    assert f"m.toml:{line}: " in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    """The path is named."""
    with pytest.raises(LaneError, match=r"none\.toml: No such file"):
        matrix_lanes(tmp_path / "none.toml", EngineName("docker", "20.10"), "linux6.18")


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_shipped_matrices_expand(path):
    """Each means at least one lane, and `roadworthy lanes` prints them all."""
    done = CliRunner().invoke(main, ["lanes", f"--matrix={path}"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].startswith("overlay2-ext4-")


def test_lanes_as_a_matrix_of_a_ci_system():
    """Each job has the words that ask for its lane alone."""
    words = ["--driver=overlay2", "--kernel=6.1", "--kernel-opt=overlay.metacopy=on", "--engine=docker-26.1"]
    done = CliRunner().invoke(main, ["lanes", "--json", *words])
    assert '"lane": "overlay2-ext4-docker26.1-linux6.1+overlay.metacopy=on"' in done.output
    arguments = "--driver=overlay2 --backing=ext4 --engine=docker-26.1 --kernel=6.1 --kernel-opt=overlay.metacopy=on"
    assert f'"arguments": "{arguments}"' in done.output


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("a = " + "[" * 5000 + "]" * 5000), "nested too deep"),
        (lambda path: path.write_text("[axes]\ndriver = " + "[" * 90 + '"vfs"' + "]" * 90), "expected text in quotes"),
        (lambda path: path.write_text("#" * (2 << 20)), "expected at most 1 MiB"),
        (lambda path: path.symlink_to("/dev/zero"), "expected a regular file"),
        (os.mkfifo, "expected a regular file"),
        (lambda path: path.mkdir(), "expected a regular file"),
        (lambda path: path.write_bytes(b"\xff"), "UTF-8"),
    ],
    ids=["deep", "lists of lists", "large", "endless", "pipe", "directory", "no text"],
)
def test_what_is_no_matrix_file_is_refused_at_once(tmp_path, make, said):
    """Neither a traceback, nor all of the memory, nor a wait for ever: a sentence, and the status of a mistake."""
    path = tmp_path / "m.toml"
    make(path)
    done = CliRunner().invoke(main, ["lanes", f"--matrix={path}"])
    assert done.exit_code == 4
    assert (said in done.output, "Traceback" in done.output, len(done.output) < 1000) == (True, False, True)


@pytest.mark.parametrize("word", ["overlay2.size=1G\nx", "a\tb=1", "a=\x1b[31m", "a=\u202e1"])
def test_a_driver_option_stays_on_one_line(word):
    """A lane's id is a line in lists, logs and pages; a character that breaks or hides it is refused."""
    done = CliRunner().invoke(main, ["lanes", "--driver=overlay2", f"--driver-opt={word}"])
    assert done.exit_code == 4
    assert "a driver option is printable text on one line" in done.output


def test_the_arguments_of_a_job_survive_a_shell():
    """What a CI system puts into a command is split into the words that were meant."""
    words = ["--driver=overlay2", "--driver-opt=a=b c"]
    done = CliRunner().invoke(main, ["lanes", "--json", *words])
    (job,) = json.loads(done.output)["include"]
    assert "--driver-opt=a=b c" in shlex.split(job["arguments"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a storage driver"),
        (["--driver=overlya2"], "did you mean 'overlay2'"),
        (["--driver=vfs", "--matrix=m.toml"], "leave out --driver"),
        (["--driver=vfs", "--kernel=6.1", "--kernel-opt=metacopy"], "MODULE.PARAMETER=VALUE"),
    ],
    ids=["nothing", "misspelt", "both", "no value"],
)
def test_wrong_words_for_lanes_are_usage_errors(words, said):
    """The command ends with 4 and says what it expected."""
    done = CliRunner().invoke(main, ["lanes", *words])
    assert done.exit_code == 4
    assert said in done.output
