"""What other distributions add: found without an import, used when it is asked for, refused with their name."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from roadworthy.extending import distributions

ROOT = Path(__file__).parents[2]
#: A driver, and a backing beside it, as another distribution has them.
MODULE = """
from roadworthy.drivers import Driver
from roadworthy.machines.backing import EXT4, BackingType
from roadworthy.linux import EXT4_SUPER_MAGIC

class Extra(Driver):
    '''An extra driver.'''
    name = "extra"
    engine_name = "vfs"
    backings = ("ext4-1k", "ext4")
    built_on = "extrafs"

EXT4_1K = BackingType((*EXT4, "-b", "1024"), "extfs", EXT4_SUPER_MAGIC, file_system="ext4")
NOT_A_DRIVER = 7
"""
GOOD = "[roadworthy.drivers]\nextra = extra_of_mine:Extra\n[roadworthy.backings]\next4-1k = extra_of_mine:EXT4_1K\n"


@pytest.fixture
def distribution(tmp_path):
    """Installs a distribution with these entry points into a directory; the words that run Python with it."""

    def installed(entry_points, module=MODULE, name="roadworthy-extra"):
        place = tmp_path / "site"
        info = place / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        (place / "extra_of_mine.py").write_text(module)
        return place

    return installed


def asked(place, program, *words):
    """What a program prints that runs with a directory of distributions."""
    command = [sys.executable, "-c", textwrap.dedent(program), *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=place, env={"PYTHONPATH": str(place)}
    )


ROADWORTHY = "from roadworthy.command.cli import main; main()"
PYTEST = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


def test_an_added_driver_has_lanes_and_an_explanation(distribution):
    """The commands know it as one of the suite's, on its own backing, too."""
    place = distribution(GOOD)
    lanes = asked(place, ROADWORTHY, "lanes", "--driver=extra", "--backing=all")
    assert [line.split("-docker")[0] for line in lanes.stdout.split()] == ["extra-ext4-1k", "extra-ext4"], lanes.stderr
    told = asked(place, ROADWORTHY, "explain", "extra/rename/merged-dir")
    assert (told.returncode, "pytest --driver=extra" in told.stdout) == (0, True), told.stderr
    doctor = asked(place, ROADWORTHY, "doctor", "--json").stdout
    assert '"name": "extra"' in doctor
    assert '"distribution": "roadworthy-extra 1.0"' in doctor


def test_nothing_of_it_is_imported_until_it_is_used(distribution):
    """A run of pytest that has nothing to do with the suite does not import it, nor does one of another driver."""
    place = distribution(GOOD, "raise SystemExit('imported')")
    (place / "test_mine.py").write_text("def test_mine():\n    pass\n")
    done = asked(place, PYTEST, "-q", "-p", "no:cacheprovider", "test_mine.py")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = asked(place, "from roadworthy.drivers import DRIVERS; print('extra' in DRIVERS, len(DRIVERS), *DRIVERS)")
    assert listed.stdout.split()[0] == "True", listed.stderr
    assert listed.stdout.split()[-1] == "extra"


@pytest.mark.parametrize(
    ("entry_points", "said"),
    [
        ("[roadworthy.drivers]\nextra = extra_of_mine:Gone\n", "AttributeError: module 'extra_of_mine' has no"),
        ("[roadworthy.drivers]\nextra = nosuch_module:Extra\n", "ModuleNotFoundError: No module named 'nosuch_module'"),
        ("[roadworthy.drivers]\nextra = extra_of_mine:NOT_A_DRIVER\n", "expected a subclass of roadworthy.drivers."),
        ("[roadworthy.drivers]\nother = extra_of_mine:Extra\n", "its name is 'extra', and its entry point's 'other'"),
        ("[roadworthy.drivers]\nextra = extra_of_mine:Extra\n", "no backing is called 'ext4-1k'; known: ext4"),
        ("[roadworthy.drivers]\nvfs = extra_of_mine:Extra\n", "roadworthy and roadworthy-extra 1.0 each have one of"),
    ],
    ids=["gone", "no module", "no driver", "another name", "no backing", "of the suite"],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_distribution(distribution, entry_points, said):
    """A run and a command end with a usage error that names the distribution, the entry point and the reason."""
    place = distribution(entry_points)
    name = next(line.split()[0] for line in entry_points.splitlines() if "=" in line)
    for program, words in ((PYTEST, ["--co", "-q"]), (ROADWORTHY, ["lanes"])):
        done = asked(place, program, *words, f"--driver={name}")
        text = done.stdout + done.stderr
        assert (done.returncode, "Traceback" in text) == (4, False), text
        assert f"roadworthy-extra 1.0: roadworthy.drivers: {name} = " in text
        assert said in text
        assert "mend that distribution or uninstall it" in text or "keep one of them" in text


def test_two_distributions_with_one_name_are_both_named(distribution):
    """Neither is preferred: which of the two was tested would depend on the order of a path."""
    distribution("[roadworthy.drivers]\nextra = extra_of_mine:Extra\n", name="roadworthy-extra-too")
    place = distribution(GOOD)
    done = asked(place, ROADWORTHY, "lanes", "--driver=extra")
    assert done.returncode == 4
    assert "roadworthy-extra 1.0 and roadworthy-extra-too 1.0 each have one of this name" in done.stderr


def test_a_misspelt_group_is_told(distribution):
    """doctor names an entry point of a group that the suite does not have, with the nearest."""
    place = distribution("[roadworthy.driver]\nextra = extra_of_mine:Extra\n")
    said = asked(place, ROADWORTHY, "doctor").stdout
    assert "no group roadworthy.driver" in said
    assert "roadworthy.drivers" in said


@pytest.mark.parametrize(
    ("group", "files", "said"),
    [
        ("deviations", {"x.toml": "[['sample/no']]\nwhen = {}\n"}, "x.toml:1: sample/no: has no"),
        (
            "mutants",
            {"catalogue.toml": "[[mutant]]\nname = 'x'\nkid = 1\n"},
            "catalogue.toml: Object contains unknown field `kid`",
        ),
        ("mutants", {}, "catalogue.toml: "),
    ],
    ids=["deviation", "mutant", "no catalogue"],
)
def test_files_that_cannot_be_used_are_refused_likewise(distribution, group, files, said):
    """So are a deviation and a catalogue of mutants that are not in form."""
    place = distribution(f"[roadworthy.{group}]\nmine = files_of_mine\n")
    (place / "files_of_mine").mkdir()
    (place / "files_of_mine/__init__.py").touch()
    for name, text in files.items():
        (place / "files_of_mine" / name).write_text(text)
    program = {
        "deviations": "from roadworthy.run.session import check_deviations as read",
        "mutants": "from roadworthy.mutants.catalogue import catalogue as read",
    }[group]
    done = asked(place, f"{program}\nread()")
    assert f"roadworthy-extra 1.0: roadworthy.{group}: mine = files_of_mine: " in done.stderr
    assert said in done.stderr


def test_an_added_machine_is_a_kernel_of_lanes(distribution):
    """It is a value of --kernel; the ids have the series of its kernel, and the installed engine runs there."""
    module = (
        "from contextlib import contextmanager\n"
        "from roadworthy.lane.other_machines import OtherMachine\n"
        "from roadworthy.machines.host import Host\n\n"
        "class Lab(OtherMachine):\n"
        "    '''A host of the laboratory.'''\n"
        "    name = 'lab'\n"
        "    def series(self):\n        return '4.19'\n"
        "    @contextmanager\n    def booted(self, root, site, stage):\n        yield Host()\n"
    )
    place = distribution("[roadworthy.machines]\nlab = extra_of_mine:Lab\n", module)
    done = asked(place, ROADWORTHY, "lanes", "--driver=vfs", "--kernel=lab", "--format=shell")
    assert "--engine=host --kernel=lab" in done.stdout, done.stderr
    assert asked(place, ROADWORTHY, "lanes", "--driver=vfs", "--kernel=lab").stdout.strip().endswith("-linux4.19")


def test_every_group_is_used():
    """A group that the suite offers is one that it reads: no entry point is taken and forgotten."""
    texts = [path.read_text() for place in ("roadworthy", "mutants") for path in (ROOT / place).rglob("*.py")]
    used = [
        group
        for group in distributions.GROUPS
        if any(re.search(rf'(added|Table|pytest_on)\([^)]*"{group}"', text) for text in texts)
    ]
    assert used == list(distributions.GROUPS)
