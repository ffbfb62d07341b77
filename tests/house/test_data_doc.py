"""docs/data.md and the shipped schemas say of the site's data what is in it, and the document's examples run."""

import contextlib
import io
import re
import shutil
import subprocess
import sys

import pytest
from asked import DRIVERS, KERNELS, MORE
from data_page import PAGE, SCHEMAS, made, shipped

from roadworthy.reports.site.making import make


def test_the_tables_are_those_of_the_page():
    """Every column with its kind and meaning, and what verdicts become in other forms."""
    assert made(PAGE.read_text()) == PAGE.read_text(), "the tables have changed: make data"


def test_the_schemas_are_shipped():
    """A schema a table, as the tables are now, and no other."""
    assert {path.name: path.read_text() for path in SCHEMAS.glob("*.json")} == shipped(), "make data"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with the site of the recorded runs in public/."""
    for run in (KERNELS, MORE, DRIVERS):
        shutil.copytree(run, tmp_path / "bundles" / run.name)
    make(tmp_path / "bundles", tmp_path / "public")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("here")
def test_the_examples_in_python_print_what_the_page_says():
    """The helper, and what reads a table."""
    code, said = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE.read_text(), re.DOTALL).groups()
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(code, str(PAGE), "exec"), {})
    assert stream.getvalue() == said
    line, said = re.search(r"```console\n\$ python3 -c '(.*?)'\n(.*?)```", PAGE.read_text(), re.DOTALL).groups()
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == said
