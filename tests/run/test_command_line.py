"""The command line: what is refused before anything starts, with which words and which exit status."""

import errno
import json
import os
import subprocess
import sys

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.run import session

CHECK = """
@check("sample/pass")
def test_pass(declaration_of):
    '''It holds.'''
    assert declaration_of
"""
USAGE = 4


@pytest.fixture
def nothing_starts(monkeypatch, unrooted):
    """A run inside this test that comes to make a ledger or a lane fails."""

    def started(*_, **__):
        raise AssertionError("something was started")

    monkeypatch.setattr(session, "Ledger", started)
    monkeypatch.setattr(session, "lane_up", started)
    monkeypatch.setattr(session.reaper, "reap", started)


def test_F45_a_misspelt_driver_is_a_usage_error(run, nothing_starts):
    """`--driver=overlya2` ends with status 4, the nearest name and the list, and starts nothing."""
    done = run(CHECK, driver="overlya2")
    assert done.code == USAGE
    assert "unknown driver 'overlya2'; did you mean 'overlay2'" in done.text
    assert all(name in done.text for name in DRIVERS)
    assert not done.bundle.exists()
    assert "Traceback" not in done.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backing=ext5"], "unknown backing 'ext5'; did you mean 'ext4'"),
        (["--driver-opt=size"], "a driver option is KEY=VALUE, as in overlay2.size=1G; got 'size'"),
        (["--driver=btrfs", "--backing=ext4"], "btrfs does not run on ext4; it takes btrfs"),
        (["--mutant=no-such-mutant"], "--mutant"),
        (["--bench-seconds=nan"], "'nan' is not a number of seconds"),
        (["--bench-seconds=inf"], "'inf' is not a number of seconds"),
        (["--bench-seconds=-1"], "'-1' is not a number of seconds"),
        (["--bench-seconds=x"], "'x' is not a number of seconds"),
        (["--minutes=0"], "'0' is not a number of minutes"),
        (["--minutes=inf"], "'inf' is not a number of minutes"),
        (["--hunt-seed=-1"], "'-1' is not a whole number"),
        (["-k", "pass and"], "Wrong expression passed to '-k'"),
    ],
    ids=[
        "backing",
        "driver option",
        "backing of another driver",
        "mutant",
        "not a number",
        "endless",
        "negative",
        "no number",
        "no minutes",
        "endless minutes",
        "no seed",
        "expression",
    ],
)
def test_a_word_that_means_nothing_is_a_usage_error(run, nothing_starts, options, said):
    """Every option says what it expected, and nothing is started."""
    done = run(CHECK, *options)
    assert done.code == USAGE
    assert said in done.text
    assert "Traceback" not in done.text
    assert not done.bundle.exists()


def test_no_driver_is_a_usage_error(run, nothing_starts):
    """Checks without a driver to run on end with an example of how to name one."""
    done = run(CHECK, driver="")
    assert done.code == USAGE
    assert "name a storage driver, as in --driver=overlay2" in done.text


def test_tests_that_are_no_checks_need_no_driver(run, nothing_starts):
    """Other tests run beside the plugin as if it were not there."""
    done = run("def test_plain(): pass", driver="")
    assert done.code == 0
    assert "roadworthy:" not in done.text
    assert not done.bundle.exists()


def test_a_bundle_that_is_there_already_is_a_usage_error(run, unrooted, tmp_path):
    """Two runs never share a bundle: the second is refused, and the first one's is left as it was."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/bundle.jsonl").write_text("{}\n")
    done = run(CHECK)
    assert done.code == USAGE
    assert f"--bundle: {tmp_path}/bundle holds a bundle already; name a new directory" in done.text
    assert (tmp_path / "bundle/bundle.jsonl").read_text() == "{}\n"


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "workers"])
@pytest.mark.parametrize("name", ["index.html", "workers/notes", "raw/notes"])
def test_what_a_bundle_would_replace_is_a_usage_error(run, unrooted, tmp_path, name, workers):
    """A file of the user's in the bundle's directory, by a name that a run writes, is left as it is."""
    theirs = tmp_path / "bundle" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("a user's")
    done = run(CHECK, *workers)
    assert done.code == USAGE
    assert f"--bundle: {tmp_path}/bundle holds {name.partition('/')[0]} already; name a new directory" in done.text
    assert theirs.read_text() == "a user's"
    assert [path for path in (tmp_path / "bundle").rglob("*") if path.is_file()] == [theirs]


def test_F64_a_working_directory_that_is_deleted_costs_no_clean_up(run, fake_stand, pytester):
    """Where the directory goes in the middle of a run, the bundle is closed, its page is written, and it is told."""
    done = run("import os\nimport shutil\n" + CHECK.replace("assert declaration_of", "shutil.rmtree(os.getcwd())"))
    assert done.code == 0
    assert done.verdicts == {"sample/pass": "pass"}
    assert (done.records[-1]["type"], (done.bundle / "index.html").exists()) == ("end", True)
    assert f"{pytester.path} was deleted while the run used it as its working directory" in done.text
    assert "Traceback" not in done.text


@pytest.mark.parametrize("quiet", [[], ["-q"]], ids=["as always", "quiet"])
def test_a_page_that_cannot_be_written_is_told(run, fake_stand, monkeypatch, tmp_path, quiet):
    """The run says why, also with -q, and names no page; its records are there."""

    def full(bundles, path, **_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(session, "write_page", full)
    done = run(CHECK, *quiet)
    assert f"{tmp_path}/bundle/index.html cannot be written: No space left on device" in done.text
    assert "page:" not in done.text
    assert done.verdicts == {"sample/pass": "pass"}


@pytest.mark.parametrize("place", ["file/bundle", "file", "/proc/nowhere"])
def test_F24_a_bundle_that_cannot_be_written_is_a_usage_error(run, unrooted, monkeypatch, tmp_path, place):
    """A place that cannot be written is refused with the reason, before anything is reaped or started."""

    def reaped():
        raise AssertionError("reaped before the bundle was open")

    monkeypatch.setattr(session.reaper, "reap", reaped)
    (tmp_path / "file").write_text("")
    done = run(CHECK, f"--bundle={tmp_path / place}")
    assert done.code == USAGE
    assert f"--bundle: {tmp_path / place} cannot be written: " in done.text
    assert list((tmp_path / "ledgers").glob("*")) == []


def test_a_ledger_that_cannot_be_written_is_a_usage_error(run, unrooted, monkeypatch):
    """A run that could not be cleaned up after a kill does not begin, and says why."""

    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/var/lib/roadworthy/ledgers/x.jsonl")

    monkeypatch.setattr(session, "Ledger", full)
    monkeypatch.setattr(session.os, "geteuid", lambda: 0)
    done = run(CHECK)
    assert done.code == USAGE
    said = "no ledger can be written, without which a killed run would leave things: [Errno 28] No space left on device"
    assert said in done.text
    assert not done.bundle.exists()


def test_a_watchdog_that_cannot_be_ended_keeps_nothing_from_being_removed(run, fake_stand, monkeypatch, tmp_path):
    """What is in the ledger is undone whatever happens to those who only watched."""

    def fails(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(session.Watchdog, "close", fails)
    monkeypatch.setattr(session.os, "geteuid", lambda: 0)
    assert run(CHECK).code == 0
    assert list((tmp_path / "ledgers").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-n", "2", "--dist=each"], "a lane goes to one worker as a whole: leave out --dist=each"),
        (["-n", "2", "--mutant=identity"], "--mutant runs in one process; leave out -n"),
    ],
    ids=["dist", "mutant"],
)
def test_F35_what_workers_cannot_do_is_refused(run, nothing_starts, options, said):
    """A lane is not torn apart, and a faulty driver is not spread."""
    done = run(CHECK, *options)
    assert done.code == USAGE
    assert said in done.text


def test_a_matrix_and_axes_exclude_each_other(run, nothing_starts, tmp_path):
    """A matrix file names the lanes; what else names some is refused, with the way to pick from it."""
    path = tmp_path / "m.toml"
    path.write_text('[axes]\ndriver = "vfs"\n')
    done = run(CHECK, f"--matrix={path}")
    assert done.code == USAGE
    assert "leave out --driver, or pick lanes by name with -k" in done.text


def test_collecting_starts_nothing_and_prints_stable_ids(run, nothing_starts):
    """`--collect-only` prints ids made of lane, provenance and case, and writes no bundle."""
    done = run(
        """
@check("sample/several", provenance=("lower", "upper"))
@pytest.mark.parametrize("kind", ["file", "fifo"])
def test_several(fs, kind):
    '''It holds.'''
    assert fs
""",
        "--collect-only",
        "-q",
        driver="overlay2,vfs",
    )
    assert done.code == 0
    kernel = session.Host().kernel
    assert [line for line in done.lines if "::" in line] == [
        f"test_sample.py::test_several[{driver}-ext4-docker20.10-{kernel}-{provenance}-{kind}]"
        for driver in ("overlay2", "vfs")
        for provenance in ("lower", "upper")
        for kind in ("file", "fifo")
    ]
    assert not done.bundle.exists()


def test_an_unprivileged_user_without_an_engine_can_collect(pytester, without_root):
    """Planning takes neither root nor an installed engine, and gives the same ids twice."""
    pytester.makepyfile(test_sample="from roadworthy import check\n" + CHECK)
    pytester.makepyfile(
        without_engine="import roadworthy.programs\nroadworthy.programs.ENVIRONMENT['PATH'] = '/nowhere'\n"
    )
    os.chmod(pytester.path, 0o755)
    command = [
        *without_root, sys.executable, "-B", "-m", "pytest", "-p", "without_engine", "-p", "no:cacheprovider",
        "--driver=overlay2,devicemapper", "--collect-only", "-q", pytester.path,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(pytester.path), "HOME": "/nowhere"}
    found = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=pytester.path, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found.append([line for line in done.stdout.splitlines() if "::" in line])
    assert found[0] == found[1]
    assert "test_sample.py::test_pass[overlay2-ext4-docker20.10-" in found[0][0]
    assert "devicemapper-direct-lvm-docker20.10-" in found[0][1]


def test_a_second_check_with_an_id_is_refused(run, nothing_starts):
    """An id stands for one check; a second one is refused with its place."""
    done = run(CHECK + CHECK.replace("test_pass", "test_again"))
    assert done.code == USAGE
    assert "test_again[overlay2" in done.text
    assert "a second check with the id sample/pass" in done.text


@pytest.mark.parametrize("body", ["", "pass", "...", "return", "held = 1", "if False:\n        fs.stat('f')"])
def test_F18_a_check_that_does_nothing_is_refused(run, nothing_starts, body):
    """A promise that nobody asks for would hold on every driver."""
    done = run(f"@check('sample/empty')\ndef test_empty(fs):\n    '''It holds.'''\n    {body}\n")
    assert done.code == USAGE
    assert "test_empty[" in done.text
    assert "a check that makes no call and no assertion proves nothing; give it a body" in done.text
    assert not done.bundle.exists()


@pytest.mark.parametrize("options", [[], ["-k", "sample/pass"]], ids=["all", "deselected"])
def test_a_check_that_a_later_function_replaces_is_refused(run, nothing_starts, options):
    """Python keeps the last function of a name, so the first check would silently not be asked; -k hides none of it."""
    done = run(CHECK + CHECK.replace("sample/pass", "sample/other"), *options)
    assert done.code == USAGE
    said = "test_sample.py:10: test_pass replaces the function of that name on line 5, which is not asked any more"
    assert f"{said}: give one of the two another name" in done.text
    assert "Traceback" not in done.text
    assert not done.bundle.exists()


def test_tests_that_are_no_checks_may_replace_one_another(run, nothing_starts):
    """What other people's tests do is none of the plugin's business."""
    assert run("def test_plain(): pass\ndef test_plain(): pass\n", driver="").code == 0


def test_a_check_that_asks_no_lane_is_refused(run, nothing_starts):
    """A check that uses none of the plugin's fixtures looks at nothing, and is refused with its place."""
    done = run("@check('sample/vacuous')\ndef test_vacuous():\n    '''It holds.'''\n")
    assert done.code == USAGE
    assert "test_vacuous: a check runs on a lane" in done.text


def test_an_unknown_provenance_is_refused(run, nothing_starts):
    """A misspelt provenance is an error of collection that lists the known ones."""
    done = run("@check('sample/x', provenance='uper')\ndef test_x(fs):\n    '''It holds.'''\n", collects=False)
    assert done.code == 2
    assert "unknown provenance 'uper'; known: lower, lower-deep, upper, copied-up, volume" in done.text


def test_a_deviation_that_cannot_be_used_is_refused(run, nothing_starts, deviations):
    """A broken entry ends the run before it starts, with file and line."""
    deviations('["sample/pass"]\nwhen = { driver = "overlya2" }\nsignature = "x"\nwhy = "x"\nsource = "x"\n')
    done = run(CHECK)
    assert done.code == USAGE
    assert "sample.toml:1: sample/pass: unknown driver 'overlya2'; did you mean 'overlay2'" in done.text


def test_the_help_names_every_driver(run):
    """`--help` lists the drivers that can be named."""
    done = run("", "--help", driver="")
    assert done.code == 0
    assert all(name in done.text for name in DRIVERS)
    for option in ("--driver", "--backing", "--driver-opt", "--bundle", "--keep", "--mutant"):
        assert option in done.text


def test_a_bundle_goes_to_bundles_by_default(pytester, fake_stand):
    """Without --bundle a run has its own directory under bundles/."""
    pytester.makepyfile("from roadworthy import check\n" + CHECK)
    assert pytester.runpytest_inprocess("--driver=overlay2", "-q").ret == 0
    (bundle,) = (pytester.path / "bundles").iterdir()
    plan = json.loads((bundle / "bundle.jsonl").read_text().splitlines()[0])
    assert (bundle / "index.html").exists()
    if os.geteuid() == 0:
        assert bundle.name == plan["run"]
