"""The pages of docs/reference, made from the code: `make reference` writes them anew.

Each page is a function whose docstring says what the page has; the code has the words of everything on it.
"""

import inspect
import json
import re
import sys
import textwrap
import types
import typing
from pathlib import Path

import click
import msgspec
import pytest

import roadworthy
from roadworthy import fixtures as given
from roadworthy import plugin
from roadworthy.command import exits
from roadworthy.command.cli import main as command
from roadworthy.declaring import features
from roadworthy.drivers import DRIVERS
from roadworthy.machines.backing import BACKING_TYPES
from roadworthy.mutants import plugin as mutants_plugin
from roadworthy.reports import records
from roadworthy.run import hooks
from roadworthy.supplies.engine_roots import ENGINES
from roadworthy.supplies.kernels import SERIES

DIRECTORY = Path(__file__).parents[2] / "docs/reference"
SCHEMA = DIRECTORY / "record.schema.json"
#: Steps on the way to a fixture that checks ask for.
INTERNAL = {"stand", "declaration_of", "lane", "roadworthy_run", "searched"}


class Options:
    """Takes an option's names, value and help down, instead of pytest's parser."""

    def __init__(self):
        self.found = []

    def getgroup(self, *_):
        return self

    def addoption(self, *names, **words):
        self.found.append((names, words.get("metavar", ""), words.get("help", "")))


def options():
    """What the suite's plugins add to pytest's command line: names, form of the value, help."""
    parser = Options()
    plugin.pytest_addoption(parser)
    mutants_plugin.pytest_addoption(parser)
    plugin.pytest_load_initial_conftests(parser)
    return parser.found


def markers():
    """The suite's markers as pytest prints them: name and words."""

    class Config:
        """Takes markers down until the plugin asks for more."""

        lines = []

        def addinivalue_line(self, _, line):
            self.lines.append(line)

        @property
        def option(self):
            raise StopIteration

    with pytest.raises(StopIteration):
        plugin.pytest_configure(Config())
    return [tuple(part.strip() for part in line.split(":", 1)) for line in Config.lines]


def fixtures():
    """What a check may ask for: each fixture's name, what pytest holds of it, and the class of its value."""
    kind = type(given.observe)
    found = []
    for name, fixture in vars(given).items():
        if type(fixture) is kind and name not in INTERNAL:
            told = inspect.unwrap(fixture._get_wrapped_function())
            found.append((name, inspect.getdoc(fixture), value_of(told.__annotations__["return"])))
    return found


def value_of(annotation):
    """The class of a fixture's value, without the generator around it; None for a function."""
    inner = re.sub(r"^Iterator\[(.*)\]$", r"\1", str(annotation))
    if inner == "Bench":  # imported where it is used, because numpy is large
        from roadworthy.measuring.bench import Bench

        return Bench
    found = vars(given).get(inner)
    return found if isinstance(found, type) else None


def hookspecs():
    """The suite's own hooks."""
    return [value for name, value in vars(hooks).items() if name.startswith("pytest_roadworthy_")]


def commands(group=command, above="roadworthy"):
    """Every command of the companion with the words before it, in the order of the alphabet."""
    for name in sorted(group.commands):
        one, words = group.commands[name], f"{above} {name}"
        if isinstance(one, click.Group):
            yield from commands(one, words)
        else:
            yield words, one


def structs():
    """The records of a bundle, and what they are made of."""
    return [value for value in vars(records).values() if isinstance(value, type) and issubclass(value, msgspec.Struct)]


def sentences(text):
    """A docstring as Markdown on one line a paragraph."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def cell(text):
    """A text in a cell of a table."""
    return " ".join(str(text).split()).replace("|", r"\|")


def literal(text):
    """A text as code in a cell of a table."""
    return f"`{cell(text)}`" if text else ""


def prose(text):
    """A text of the command line in a cell of a table: what Markdown would take for its own stays as it is."""
    return re.sub(r"([*_<>\[\]])", r"\\\1", cell(text))


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def signature(function):
    """A method's parameters with their kinds, without the object itself."""
    words = inspect.signature(function)
    kept = [one.replace(annotation=bare(one.annotation)) for name, one in words.parameters.items() if name != "self"]
    text = str(words.replace(parameters=kept, return_annotation=bare(words.return_annotation))).replace("'", "")
    text = re.sub(r"<function .*? at 0x[0-9a-f]+>", "…", text)
    return re.sub(r"(?<=mode: int = )\d+", lambda found: oct(int(found[0])), text)


def bare(annotation):
    """An annotation without the modules in it."""
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", annotation) if isinstance(annotation, str) else annotation


def members(kind):
    """The public attributes of a fixture's value that its class or its own bases in the suite define."""
    found = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("roadworthy"):
            found |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    return {
        name: value for name, value in found.items()
        if isinstance(value, types.FunctionType | property | classmethod | staticmethod)
    }  # fmt: skip


def page_of_options():
    """# Options

    What the suite adds to pytest's command line. Every other option of pytest works as usual.
    """
    rows = [
        [", ".join(literal(f"{name}{'=' if value else ''}{value}") for name in names), prose(said)]
        for names, value, said in options()
    ]
    return table(["option", "meaning"], rows)


def page_of_markers():
    """# Markers

    What a check or a benchmark is marked with, and what `-m` selects: `-m "not slow"`, `-m smoke`. Decorators of
    `roadworthy` make those with arguments, see [Words](words.md).
    """
    return table(["marker", "meaning"], [[literal(name), prose(said)] for name, said in markers()])


def page_of_words():
    """# Words

    What a check or a benchmark imports from `roadworthy`. Everything else is a [fixture](fixtures.md).
    """
    parts = []
    for name in roadworthy.__all__:
        word = getattr(roadworthy, name)
        if callable(word) and not isinstance(word, features.Feature):
            parts.append(f"## `{name}`\n\n```python\n{name}{signature(word)}\n```\n\n{sentences(inspect.getdoc(word))}")
    constants = [
        [literal(name), constant(name)] for name in roadworthy.__all__ if not callable(getattr(roadworthy, name))
    ]
    return table(["constant", "meaning"], constants) + "\n\n" + "\n\n".join(parts)


def constant(name):
    """What a word is that is no function."""
    value = getattr(roadworthy, name)
    if isinstance(value, features.Feature):
        return f"a feature; a lane without it is `unsupported`, because {prose(features.LACKING[value])}"
    return f"a tier of benchmarks, `{value}`"


def page_of_fixtures():
    """# Fixtures

    What a check or a benchmark may ask for by naming an argument. Below the list is what the values can do. A method
    without words is the system call of that name, see its manual page.
    """
    found = fixtures()
    rows = [[literal(name), prose(sentences(said)) if "`" not in said else cell(sentences(said)), linked(kind)]
            for name, said, kind in found]  # fmt: skip
    parts = [table(["fixture", "what it is", "value"], rows)]
    for kind in dict.fromkeys(kind for _, _, kind in found if kind):
        parts.append(f"## {kind.__name__}\n\n{sentences(kind.__doc__)}")
        methods = [[literal(told(name, value)), cell(first(value))] for name, value in members(kind).items()]
        if methods:
            parts.append(table(["member", "what it does"], methods))
    return "\n\n".join(parts)


def linked(kind):
    return f"[{kind.__name__}](#{kind.__name__.lower()})" if kind else "a function"


def told(name, member):
    """A member as it is written in a check."""
    function = getattr(member, "__func__", member)
    return name if isinstance(member, property) else f"{name}{signature(function)}"


def first(member):
    """The first paragraph of a member's docstring; a system call has the name of its manual page."""
    return sentences(inspect.getdoc(member)).partition("\n\n")[0]


def page_of_drivers():
    """# Drivers, backings, engines and kernels

    The names that the axes of a lane take: `--driver`, `--backing`, `--engine`, `--kernel`. `native` is the reference:
    no driver at all. `host` is the installed engine and the running kernel. The first backing of a driver is its
    default.
    """
    rows = [
        [literal(name), cell(first(type(driver))), ", ".join(map(literal, driver.backings)),
         literal(driver.default_engine),
         ", ".join(literal(one.name) for one in features.Feature if one in driver.features)]
        for name, driver in DRIVERS.items()
    ]  # fmt: skip
    drivers = table(["driver", "what it is", "backings", "its engine", "features that it promises"], rows)
    backings = table(
        ["backing", "made with", "in `docker info`"],
        [[literal(name), literal(" ".join(one.mkfs)), literal(one.reported)] for name, one in BACKING_TYPES.items()],
    )
    engines = table(["engine", "Debian suite"], [[literal(name), suite] for name, (suite, *_) in ENGINES.items()])
    kernels = table(
        ["kernel", "Debian suites"], [[literal(name), ", ".join(suites)] for name, suites in SERIES.items()]
    )
    declared = table(
        ["feature", "a lane without it is `unsupported`, because"],
        [[literal(one.name), cell(why)] for one, why in features.LACKING.items()],
    )
    return "\n\n".join([
        drivers, "## Backings", backings, "## Engines", "Each of them also as `NAME+zfs`, with ZFS' programs.", engines,
        "## Kernels",
        "Or another series that a suite carries, or [a kernel of yours](../bring-your-own-kernel.md), by its path.",
        kernels,
        "## Features", declared,
    ])  # fmt: skip


def page_of_verdicts():
    """# Verdicts and exit statuses

    Verdicts, the worst first; a group of cells takes the first of these that occurs in it. See [Read the
    matrix](../reading-the-matrix.md).
    """
    rows = [
        [literal(verdict), records.MEANING[verdict], "yes" if verdict in records.FAILING else "no",
         records.SHOWN.get(verdict, verdict)]
        for verdict in records.WORST_FIRST
    ]  # fmt: skip
    benchmarks = typing.get_type_hints(records.Benchmark)["verdict"]
    trends = typing.get_type_hints(records.Trend)["verdict"]
    statuses = table(["status", "meaning"], [[literal(str(int(code))), said] for code, said in exits.MEANING.items()])
    return (
        table(["verdict", "meaning", "fails the run", "on the page"], rows)
        + "\n\nBenchmarks have "
        + ", ".join(map(literal, typing.get_args(benchmarks)))
        + "; trends "
        + ", ".join(map(literal, typing.get_args(trends)))
        + ". See [the method](../method.md).\n\n## Exit statuses of `roadworthy`\n\n"
        + statuses
        + "\n\n`pytest`, `roadworthy run` and `roadworthy bench run` have those of pytest."
    )


def page_of_records():
    """# Records of a bundle

    A line of `bundle.jsonl` is one JSON object; its `type` says which of the records with a type below it is. Their
    schema is [record.schema.json](record.schema.json), in JSON Schema 2020-12. A reader refuses another major version,
    and ignores fields that it does not know.
    """
    parts = [f"This is version `{records.SCHEMA}`."]
    for struct in structs():
        tag = struct.__struct_config__.tag
        parts.append(
            f"## {struct.__name__}" + (f", `type` is `{tag}`" if tag else "") + f"\n\n{sentences(struct.__doc__)}"
        )
        rows = [
            [literal(field.encode_name), literal(kind(struct, field.name)), "yes" if field.required else "no"]
            for field in msgspec.structs.fields(struct)
        ]
        parts.append(table(["field", "value", "required"], rows))
    return "\n\n".join(parts)


def kind(struct, name):
    """The annotation of a field, as the source has it."""
    return "one of " + ", ".join(typing.get_args(records.Verdict)) if (
        struct.__annotations__[name] == "Verdict"
    ) else re.sub(r'^Literal\[(.*)\]$', lambda found: "one of " + found[1].replace('"', "").replace("'", ""),
                  struct.__annotations__[name])  # fmt: skip


def schema():
    """The schema of one line, as text."""
    return json.dumps(msgspec.json.schema(records.Record), indent=1, sort_keys=True) + "\n"


def page_of_commands():
    """# Commands

    `roadworthy COMMAND --help` says the same in a terminal. [The command `roadworthy`](../commands.md) has transcripts,
    and [Verdicts and exit statuses](verdicts.md) the meaning of the statuses.
    """
    parts = []
    for words, one in commands():
        usage = one.collect_usage_pieces(click.Context(one))
        parts.append(f"## `{words}`\n\n```text\n{' '.join([words, *usage])}\n```\n\n{plain(one.help)}")
        rows = [
            [", ".join(literal(f"{name} {value(option)}".strip()) for name in option.opts), prose(option.help or "")]
            for option in one.params if isinstance(option, click.Option)
        ]  # fmt: skip
        if rows:
            parts.append(table(["option", "meaning"], rows))
    return "\n\n".join(parts)


def value(option):
    """The form of an option's value; empty for a switch."""
    return "" if option.is_flag else option.make_metavar(click.Context(click.Command(""))) or ""


def plain(text):
    """A command's help as Markdown: a paragraph that click keeps as it is written is a block."""
    parts = []
    for paragraph in inspect.cleandoc(text or "").replace("\f", "").split("\n\n"):
        kept = paragraph.startswith("\b")
        parts.append(f"```text\n{paragraph[1:].strip(chr(10))}\n```" if kept else prose(paragraph))
    return "\n\n".join(parts)


def page_of_hooks():
    """# Hooks

    What a plugin of pytest may replace of the suite. pytest's own hooks work as usual.
    """
    return "\n\n".join(
        f"## `{hook.__name__}`\n\n```python\n{hook.__name__}{signature(hook)}\n```\n\n{sentences(hook.__doc__)}"
        for hook in hookspecs()
    )


PAGES = {
    f"{name.removeprefix('page_of_')}.md": page
    for name, page in list(globals().items()) if name.startswith("page_of_")
}  # fmt: skip


def made(page):
    """The whole text of a page."""
    title, _, lead = inspect.cleandoc(page.__doc__).partition("\n\n")
    note = "<!-- made by `make reference` from the code: change the code -->"
    wrapped = textwrap.fill(" ".join(lead.split()), 120, break_long_words=False, break_on_hyphens=False)
    return f"{title}\n\n{note}\n\n{wrapped}\n\n{page()}\n"


def main():
    """Write all pages and the schema anew."""
    DIRECTORY.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DIRECTORY / name).write_text(made(page))
    SCHEMA.write_text(schema())
    sys.stdout.write(f"{DIRECTORY.name}: {len(PAGES)} pages and the schema\n")


if __name__ == "__main__":
    main()
