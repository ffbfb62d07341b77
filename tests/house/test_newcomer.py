"""Who follows docs/adding-a-check.md and docs/adding-a-driver.md word for word gets there.

What takes a daemon is in tests/real/test_newcomer.py.
"""

import ast
import re

import pytest
from newcomer import ROOT, Command, Newcomer, Text, is_shown, not_seen, rewritten, steps, with_row

from roadworthy.drivers import DRIVERS
from roadworthy.mutants.catalogue import catalogue
from roadworthy.verdict import deviations

CHECK = "docs/adding-a-check.md"
DRIVER = "docs/adding-a-driver.md"


def of(document, kind):
    return [step for step in steps((ROOT / document).read_text()) if isinstance(step, kind)]


def written(document):
    """The Python file that a document asks for."""
    return next(step for step in of(document, Text) if step.language == "python")


def functions(text):
    return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}


def ids(text):
    return re.findall(r'@check\("([^"]+)"', text)


def test_the_check_is_new(declared_checks):
    """Neither its file, nor its id, nor its function's name is there: nothing of the suite is replaced."""
    example = written(CHECK)
    there = {name for path in (ROOT / "conformance").rglob("*.py") for name in functions(path.read_text())}
    assert not (ROOT / example.path).exists(), f"{CHECK}: its example stays an example"
    assert functions(example.text) & there == set()
    assert set(ids(example.text)) & set(declared_checks) == set()


def test_the_check_is_seen_to_fail_on_a_mutant_of_its_family():
    """The document's mutant is in the catalogue, and the check is one of those that have to notice it."""
    (mutant,) = {found for step in of(CHECK, Command) for found in re.findall(r"--mutant=([\w-]+)", step.words)}
    (identity,) = ids(written(CHECK).text)
    assert identity.partition("/")[0] in catalogue()[mutant].families


def test_what_the_document_says_of_a_check_is_so(tmp_path):
    """Its check is collected; the coverage misses it until it has its row and is counted."""
    newcomer = Newcomer(tmp_path / "checkout")
    rows = []

    def asked(step):
        if isinstance(step, Text) and step.path == "docs/coverage.md":
            status, output = newcomer.type(".venv/bin/pytest tests/house/test_coverage.py -q")
            assert status == 1, output
            assert all(identity in output for identity in ids(written(CHECK).text))
            rows.append(step)

    done = newcomer.follow(CHECK, daemons=False, before=asked)
    assert any(isinstance(step, Command) and "--collect-only" in step.words for step in done)
    assert len(rows) == 1


def test_a_deviation_that_the_document_shows_can_be_recorded(tmp_path, declared_checks):
    """The entry has all that an entry needs, and speaks of a check that is there."""
    (entry,) = (step.text for step in of(CHECK, Text) if step.language == "toml")
    (tmp_path / "rename.toml").write_text(entry)
    assert len(deviations.load(tmp_path, declared_checks).entries) == 1


def test_the_driver_is_new():
    """The table has no driver of its name, and its file is not there."""
    example = written(DRIVER)
    (name,) = re.findall(r'^    name = "(.+)"$', example.text, re.MULTILINE)
    assert name not in DRIVERS
    assert not (ROOT / example.path).exists(), f"{DRIVER}: its example stays an example"


def test_what_the_document_says_of_a_driver_is_so(tmp_path):
    """Its file is typed, its row registers it, the command line knows it, and the tests of drivers pass with it."""
    done = Newcomer(tmp_path / "checkout").follow(DRIVER, daemons=False)
    typed = [step.words for step in done if isinstance(step, Command)]
    assert ".venv/bin/mypy" in typed
    assert any(words.startswith(".venv/bin/roadworthy lanes --driver=example") for words in typed)


@pytest.mark.parametrize("document", [CHECK, DRIVER])
def test_a_document_has_steps_with_and_without_a_daemon(document):
    """Neither half of what is followed is empty, and each command says what it prints."""
    commands = of(document, Command)
    assert {command.starts_a_daemon for command in commands} == {True, False}
    assert [command.words for command in commands if not command.shown] == []


# --- how documents are read


PAGE = """Put this into `a/b.py`:

```python
x = 1
```

See `a/b.py`, then:

```toml
y = 1
```

Into `d/<name>.toml`:

```toml
z = 1
```

```console
$ .venv/bin/pytest --driver=vfs --collect-only
…
one … two

$ .venv/bin/pytest --driver=vfs
 1 failed in …
```
"""


def test_steps_of_a_page():
    """Texts go to the file that is named last before them, commands have the lines that they print."""
    assert steps(PAGE) == [
        Text("python", "a/b.py", "x = 1\n"),
        Text("toml", "a/b.py", "y = 1\n"),
        Text("toml", None, "z = 1\n"),
        Command(".venv/bin/pytest --driver=vfs --collect-only", ("one … two",)),
        Command(".venv/bin/pytest --driver=vfs", (" 1 failed in …",)),
    ]
    assert [step.starts_a_daemon for step in steps(PAGE) if isinstance(step, Command)] == [False, True]
    assert [step.fails for step in steps(PAGE) if isinstance(step, Command)] == [False, True]


def test_what_is_shown_is_seen_in_its_order():
    """A mark stands for anything; a line that comes too early does not count."""
    assert is_shown("=== 2 passed in 1.0s ===", "… 2 passed in …")
    assert not is_shown("12 passed", "2 passed")
    assert not_seen("a\nb\n", ["a", "b"]) is None
    assert not_seen("b\na\n", ["a", "b"]) == "b"


def test_lines_for_a_python_file():
    """An import is sorted in, a value takes the place of the older one."""
    text = "from roadworthy.a import A\nfrom roadworthy.c import C\n\nALL = (A, C)\n"
    assert rewritten(text, "from roadworthy.b import B\nALL = (A, C, B)\n") == (
        "from roadworthy.a import A\nfrom roadworthy.b import B\nfrom roadworthy.c import C\n\nALL = (A, C, B)\n"
    )


def test_a_row_goes_to_the_end_of_the_last_table():
    """What follows the table stays behind it."""
    assert with_row("| a |\n\n| b |\ntext\n", "| c |\n") == "| a |\n\n| b |\n| c |\ntext\n"
