"""Template packages: what a distribution that adds a driver, checks or a workload looks like, ready to be changed."""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")
#: What there is a template for.
KINDS = ("driver", "check", "workload")
#: A name that a distribution, a driver, a family and a file can have.
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: The end of a template's name: tools that look for Python must not take one for a program.
SUFFIX = ".in"


def write(kind: str, name: str, directory: Path) -> list[Path]:
    """Write the package `roadworthy-NAME` into a directory that is not there yet; return its files.

    Raises OSError.
    """
    words = words_for(name)
    directory.mkdir(parents=True)
    made = []
    source = TEMPLATES / kind
    for template in sorted(source.rglob(f"*{SUFFIX}")):
        relative = str(template.relative_to(source)).removesuffix(SUFFIX)
        path = directory / filled(relative.replace("PACKAGE/", "@PACKAGE@/"), words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(template.read_text(), words))
        made.append(path)
    return made


def words_for(name: str) -> dict[str, str]:
    """What stands in a template's places: @NAME@ and words that are made from it."""
    function = name.replace("-", "_")
    return {
        "NAME": name, "FUNCTION": function, "PACKAGE": f"roadworthy_{function}",
        "CLASS": "".join(word.capitalize() for word in name.split("-")),
    }  # fmt: skip


def filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], text)
