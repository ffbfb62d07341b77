"""The suite's own hooks: every one is documented, and the document's example does what it says."""

import re
from pathlib import Path

import pytest

from roadworthy.run import hooks

DOCUMENT = (Path(__file__).parents[2] / "docs/extending.md").read_text()
HOOKS = [name for name in vars(hooks) if name.startswith("pytest_roadworthy_")]
CHECKS = """
@check("sample/holds")
def test_holds(declaration_of, lane):
    '''It holds.'''
    assert lane

@check("sample/breaks")
def test_breaks(declaration_of, lane):
    '''It does not hold.'''
    assert not lane, "a lane"
"""


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_arguments(hook):
    arguments = vars(hooks)[hook].__code__
    shown = ", ".join(arguments.co_varnames[: arguments.co_argcount])
    assert f"| `{hook}({shown})` |" in DOCUMENT


def test_the_example_of_the_document_works(run, fake_stand, pytester):
    """It adds a fact to the lane's record, sees the broken check, and is told where the results lie."""
    (example,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    pytester.makeconftest(example)
    done = run(CHECKS, "-s")
    (lane,) = [record for record in done.records if record["type"] == "lane"]
    assert "kB" in lane["facts"]["memory"]
    assert re.search(r"overlay2-\S+ breaks sample/breaks: .*a lane", done.text)
    assert "breaks sample/holds" not in done.text
    assert f"results: {done.bundle}, page: {done.bundle / 'index.html'}" in done.text
