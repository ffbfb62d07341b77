"""The transcripts of docs/commands.md: `make commands` runs each command line anew and writes what it prints.

They run in a directory whose bundles/ holds the recorded runs of tests/command/recorded. A line of `…` stands for lines
that differ from host to host; a transcript that has one is only looked at, and never written.
"""

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "command"))  # for `make commands`, which is not pytest

from asked import DRIVERS, KERNELS, MORE, ask, stand

from roadworthy.reports.site.making import make

PAGE = Path(__file__).parents[2] / "docs/commands.md"
FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = "…"
LINE = re.compile(r"(?<=\.py):\d+|(?<=\.toml):\d+")


def transcripts(page):
    """The command lines of a page, each with what it prints there."""
    for block in FENCE.findall(page):
        yield from re.findall(r"^\$ (roadworthy .*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def printed(line):
    """What a command line prints on standard output, and its exit status if it is not 0.

    A line that names public/ is about the site of the recorded runs.
    """
    if "public/" in line and not Path("public").is_dir():
        make(Path("bundles"), Path("public"))
    done = ask(*shlex.split(line)[1:])
    status = f"[exit status {done.exit_code}]\n" if done.exit_code else ""
    return done.stdout + status


def here():
    """Go to a fresh directory with the recorded runs in bundles/; the newest one is `drivers`."""
    place = Path(tempfile.mkdtemp())
    os.chdir(stand(place, KERNELS, MORE, DRIVERS))
    return place


def agrees(written, said):
    """Whether what is printed is what is written, where a line of … stands for any lines.

    Numbers of lines in the suite's own files do not count: they change with every check that is added.
    """
    parts = [re.escape(LINE.sub(":0", part)) for part in re.split(rf"^ *{ANY}\n", written, flags=re.MULTILINE)]
    return re.fullmatch(r"(?:.*\n)*?".join(parts), LINE.sub(":0", said)) is not None


def main():
    """Write the transcripts anew."""
    here()
    page = PAGE.read_text()
    for line, said in list(transcripts(page)):
        if f"{ANY}\n" not in said:
            page = page.replace(f"$ {line}\n{said}", f"$ {line}\n{printed(line)}")
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
