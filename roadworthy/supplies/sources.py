"""The host's own package sources, read for another suite.

The mirrors, keyrings and options of the host's apt are kept; only suite names and components are replaced.
Both of apt's formats are read: one-line (`deb [options] URI SUITE COMPONENT...`) and deb822, see sources.list(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

#: Names under which sources may follow a release instead of naming it.
ALIASES = ("stable", "oldstable", "oldoldstable", "testing", "unstable", "sid")
#: Suites that are one archive without pockets.
ROLLING = ("sid", "unstable")
#: One-line options that deb822 spells differently; the rest have the same name.
SPELLINGS = {"arch": "architectures", "lang": "languages", "target": "targets"}
#: Options that would weaken the checks of dates, or that name another release's files.
DROPPED = (
    "check-valid-until",
    "valid-until-max",
    "valid-until-min",
    "targets",
    "languages",
    "architectures",
    "snapshot",
)


class NoSource(Exception):
    """apt's configuration names no source that could be read for another suite."""


@dataclass(frozen=True)
class Source:
    """One source of binary packages. `options` are deb822 fields in lower case; a value may have several lines."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """The source as a deb822 stanza."""
        lines = [
            "Types: deb",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        lines += [f"{name.title()}: {value}" for name, value in self.options]
        return "\n".join(lines) + "\n"


def read(sourcelist: Path, sourceparts: Path) -> list[Source]:
    """Every enabled source of binary packages, in apt's order."""
    files = [sourcelist] if sourcelist.is_file() else []
    if sourceparts.is_dir():
        files += sorted(path for path in sourceparts.iterdir() if path.suffix in (".list", ".sources"))
    found: list[Source] = []
    for path in files:
        text = path.read_text()
        found += deb822(text) if path.suffix == ".sources" else one_line(text)
    return found


def one_line(text: str) -> list[Source]:
    """Read the one-line format."""
    found = []
    for line in text.splitlines():
        entry = re.fullmatch(r"deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+\S+)*)", line.partition("#")[0].strip())
        if entry is None:
            continue
        pairs = (word.partition("=")[::2] for word in (entry[1] or "").split())
        options = tuple((SPELLINGS.get(name, name).lower(), value.replace(",", " ")) for name, value in pairs)
        found.append(Source((entry[2],), (entry[3],), tuple(entry[4].split()), options))
    return found


def deb822(text: str) -> list[Source]:
    """Read the deb822 format."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t"):
                if name:
                    fields[name] += "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" not in fields.pop("types", "").split() or fields.pop("enabled", "yes").lower() in ("no", "false"):
            continue
        uris, suites, components = (tuple(fields.pop(key, "").split()) for key in ("uris", "suites", "components"))
        options = {key: value for key, value in fields.items() if not key.startswith("x-")}
        found.append(Source(uris, suites, components, tuple(options.items())))
    return found


def for_suite(sources: Iterable[Source], host: str, suite: str, components: Sequence[str]) -> list[Source]:
    """The host's sources of its own release `host`, turned into those of `suite`. Raises NoSource if it has none.

    Sources of other archives are left out: their suites are not named like a Debian release, or have no `main`.
    """
    # Backports and proposed updates are not what an operator of a release runs.
    pattern = re.compile(rf"(?:{'|'.join(map(re.escape, (host, *ALIASES)))})(-updates|-security)?")
    found = []
    for source in sources:
        pockets = [match[1] or "" for name in source.suites if (match := pattern.fullmatch(name))]
        if "main" not in source.components:
            continue
        suites = tuple(f"{suite}{pocket}" for pocket in pockets if not pocket or suite not in ROLLING)
        if suites:
            options = tuple((name, value) for name, value in source.options if name not in DROPPED)
            found.append(replace(source, suites=suites, components=tuple(components), options=options))
    if not any(suite in source.suites for source in found):
        raise NoSource(
            f"apt's sources have no entry for {host or 'this release'} with the component main, "
            f"so there is none to read {suite} from: see /etc/apt/sources.list.d"
        )
    return found


def without(sources: Iterable[Source], absent: Iterable[tuple[str, str]]) -> list[Source]:
    """The sources without some pairs of URI and suite."""
    gone = {(uri.rstrip("/"), suite) for uri, suite in absent}
    left = []
    for source in sources:
        for uri in source.uris:
            suites = tuple(name for name in source.suites if (uri.rstrip("/"), name) not in gone)
            if suites:
                left.append(replace(source, uris=(uri,), suites=suites))
    return left
