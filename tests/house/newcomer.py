"""Somebody who follows a document word for word: writes the files that it shows, and types its commands.

What a document has to look like for that:

- A block in a language is for the file that the paragraph above it names last: a new file, or lines for one that exists
  (TOML at its end, a row of Markdown under its last table, Python by `rewritten`). A paragraph that names no file, or
  one with a placeholder, shows something without asking for it.
- A block `console` has commands, each behind `$ `, with lines of what they print. `…` stands for anything. A command
  that prints "fail" or "failed" ends with another status than 0.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What a clone would not have. `.git` is a link to this checkout's own where that is a worktree.
NOT_CLONED = (
    ".git", ".venv", ".*_cache", ".benchmarks", ".hypothesis", "__pycache__", "*.egg-info", "build", "bundles",
)  # fmt: skip
#: Options of pytest that start a daemon, unless it only collects.
ON_LANES = re.compile(r"--(driver|matrix)=(?!.*--collect-only)")
#: Seconds for the longest command of a document.
LONGEST = 600


@dataclass(frozen=True)
class Command:
    """A line that somebody types, and what a document says that it prints."""

    words: str
    shown: tuple[str, ...]

    @property
    def starts_a_daemon(self):
        return bool(self.words.startswith(".venv/bin/pytest ") and ON_LANES.search(self.words))

    @property
    def fails(self):
        return any(re.search(r"\bfail(ed)?\b", line) for line in self.shown)


@dataclass(frozen=True)
class Text:
    """A text in a language for a file; `path` is None where the document names none."""

    language: str
    path: str | None
    text: str


def steps(document):
    """The commands and texts of a document, in its order."""
    found = []
    parts = re.split(r"^```(\w*)\n(.*?)^```$\n?", document, flags=re.MULTILINE | re.DOTALL)
    for before, language, text in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if language == "console":
            for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                words, *shown = command.splitlines()
                found.append(Command(words, tuple(line for line in shown if line.strip() not in ("", "…"))))
        else:
            paragraph = before.strip().rpartition("\n\n")[2]
            named = re.findall(r"`([\w./-]*[\w-]\.(?:py|toml|md))`", paragraph)
            found.append(Text(language, named[-1] if named else None, text))
    return found


def is_shown(line, shown):
    """Whether a line of an output is one that a document shows."""
    pattern = ".*".join(re.escape(part.strip()) for part in shown.split("…"))
    return re.fullmatch(rf"\s*{pattern}\s*", line) is not None


def not_seen(output, shown):
    """The first of the shown lines that the output has not, in this order, or None."""
    lines = iter(output.splitlines())
    return next((line for line in shown if not any(is_shown(other, line) for other in lines)), None)


def rewritten(text, lines):
    """A Python file with further lines: one that gives a name a value takes the place of the one that did.

    Another is an import, which goes where sorting puts it.
    """
    for line in filter(None, lines.splitlines()):
        if " = " in line:
            name = line.partition(" = ")[0]
            text, count = re.subn(rf"^{name} = .*$", lambda _, line=line: line, text, flags=re.MULTILINE)
            assert count == 1, f"there is no one line that gives {name} a value"
        else:
            imports = [other for other in text.splitlines() if other.startswith("from roadworthy")]
            before = next((other for other in imports if other > line), None)
            assert before is not None, f"there is no import that {line!r} goes before"
            text = text.replace(f"{before}\n", f"{line}\n{before}\n")
    return text


def with_row(text, row):
    """A document with one more row at the end of its last table."""
    lines = text.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.startswith("| "))
    return "".join([*lines[: last + 1], row, *lines[last + 1 :]])


class Newcomer:
    """A copy of the checkout, as a clone of it would be, and what is done there."""

    def __init__(self, directory):
        self.directory = directory
        shutil.copytree(ROOT, directory, symlinks=True, ignore=shutil.ignore_patterns(*NOT_CLONED))
        (directory / ".venv").symlink_to(sys.prefix)

    def read(self, path):
        return (self.directory / path).read_text()

    def put(self, step):
        """Put a text where its document says."""
        path = self.directory / step.path
        if not path.exists():
            path.write_text(step.text)
        elif step.language == "toml":
            path.write_text(path.read_text() + step.text)
        elif step.language == "markdown":
            path.write_text(with_row(path.read_text(), step.text))
        else:
            path.write_text(rewritten(path.read_text(), step.text))

    def environment(self):
        """The variables of a command: the environment is that of the checkout, but its package is found here first."""
        return {**os.environ, "PYTHONPATH": str(self.directory), "PYTHONDONTWRITEBYTECODE": "1"}

    def type(self, words):
        """Do a command in the copy: its exit status and all that it prints."""
        done = subprocess.run(
            shlex.split(words), cwd=self.directory, env=self.environment(), stdin=subprocess.DEVNULL, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LONGEST,
        )  # fmt: skip
        return done.returncode, done.stdout

    def see(self, command):
        """Do a command of a document, which prints what the document shows."""
        status, output = self.type(command.words)
        missing = not_seen(output, command.shown)
        assert missing is None, f"$ {command.words}\nshows no line {missing!r}:\n{output}"
        assert bool(status) == command.fails, f"$ {command.words}\nended with {status}:\n{output}"

    def follow(self, document, daemons, before=lambda step: None):
        """Do what a document says, from its beginning; commands that start a daemon only where `daemons` are wanted.

        `before` is called with each step: for what a document asks for in a sentence.
        """
        done = []
        for step in steps((ROOT / document).read_text()):
            before(step)
            if isinstance(step, Command):
                if step.starts_a_daemon and not daemons:
                    continue
                self.see(step)
            elif step.path is not None:
                self.put(step)
            done.append(step)
        return done
