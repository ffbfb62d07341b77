"""What only benchmarks need is asked for by its name when a benchmark is asked, and nowhere else."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.reports import extra
from roadworthy.reports.extra import ANALYSIS, SERIES, lacking

#: Imports every module of the suite where the packages of the extra are not installed.
IMPORTS = """
import importlib, pkgutil, sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "scipy", "ruptures"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
import roadworthy

seen = 0
for found in pkgutil.walk_packages(roadworthy.__path__, "roadworthy."):
    # What runs alone imports the standard library only, and has another test.
    if found.name.rpartition(".")[2] not in ("agent", "init", "capsule_init", "watchdog_process", "__main__"):
        importlib.import_module(found.name)
        seen += 1
print(seen)
"""


@pytest.fixture
def without(monkeypatch):
    """Be where some packages are not installed."""

    def without(*names):
        monkeypatch.setattr(extra, "find_spec", lambda name: None if name in names else object())

    return without


def test_nothing_is_lacking_where_all_is_installed(without):
    without()
    assert lacking(SERIES) == ""


def test_the_extra_is_named(without):
    without("numpy", "scipy")
    assert lacking(ANALYSIS) == "needs numpy and scipy: pip install 'roadworthy[bench]'"


def test_a_python_that_has_no_ruptures_is_told(without, monkeypatch):
    """To install the extra again would be in vain."""
    without("ruptures")
    monkeypatch.setattr(extra.sys, "version_info", (3, 14, 0))
    assert (
        lacking(SERIES) == "needs ruptures, which has no release for Python 3.14 and later: run this with an older one"
    )
    monkeypatch.setattr(extra.sys, "version_info", (3, 13, 0))
    assert lacking(SERIES) == "needs ruptures: pip install 'roadworthy[bench]'"


@pytest.mark.parametrize(
    "words", [["compare", "a", "b"], ["series", "a"], ["analyse", "a"]], ids=lambda words: words[0]
)
def test_a_command_that_analyses_names_the_extra(without, tmp_path, monkeypatch, words):
    """It is a mistake with a remedy, and no traceback."""
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        (tmp_path / name).mkdir()
    without("scipy")
    done = CliRunner().invoke(main, ["bench", *words])
    assert done.exit_code == 4
    assert "needs scipy: pip install 'roadworthy[bench]'" in done.output


def test_a_benchmark_without_the_extra_is_not_run(run, fake_stand, without):
    """The run says so and fails, as for anything else that a benchmark lacks."""
    without("numpy", "scipy", "ruptures")
    done = run("@measured('sample/cost', SMOKE)\ndef test_cost(bench):\n    '''What it costs.'''\n", "-pbenchmark")
    assert done.code == 1
    assert "not run: 1 benchmark: needs numpy and scipy: pip install 'roadworthy[bench]'" in done.text


def test_every_module_is_imported_without_the_extra():
    """What needs one of its packages imports it where it is used."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200
