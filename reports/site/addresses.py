"""Where each file of the site lies, below its root, and the relative links between them.

Ids come from bundles, so they may be anything. Every name that this file makes consists of small letters, digits, `-`,
`.`, `~` and `_`, is no hidden file, and belongs to one id alone.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from functools import lru_cache

FRONT = "index.html"
MATRIX = "matrix.html"
CLAIMS = "claims.html"
FINDINGS = "findings.html"
DURABILITY = "durability.html"
LANES = "lanes.html"
RUNS = "runs.html"
KILLS = "kills.html"
METHOD = "method.html"
MOVE = "move.html"
WEEKLY = "weekly.html"
ERRORS = "errors.html"
OPTIONS = "options.html"
BENCHMARKS = "benchmarks/index.html"
COMPARE = "compare/index.html"
LATEST = "latest/index.html"
DATA = "data/index.html"
FEED = "feed.atom"
CHANGES = "data/changes.json"
MATRIX_SCRIPT = "matrix.js"
KILLS_STYLE, KILLS_SCRIPT = "kills.css", "kills.js"
COMPARE_SCRIPT, COMPARE_CELLS = "compare/compare.js", "compare/cells.js"
#: The directory of the evidence behind cells.
EVIDENCE = "evidence"
STYLE, SCRIPT = "site.css", "site.js"
ASK, SEARCH = "ask.js", "search.js"

#: Names that are their own file's name. Neither a page of ours nor a digest looks like one of them.
_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9.:-]*[a-z0-9])?")
_LONGEST = 80
_DEEPEST = 4
#: A directory that `data/` and the like have files of their own in.
_TAKEN = frozenset({"index", "changes"})


@lru_cache(4096)
def slug(name: str) -> str:
    """The file name of an id, without its suffix: the id itself if it is plain, else what is plain of it and a digest.

    A colon becomes `~`. An underscore stands in digests' names only, so that no two ids have one name.
    """
    if _PLAIN.fullmatch(name) and len(name) <= _LONGEST and name not in _TAKEN:
        return name.replace(":", "~")
    return _digested(name)


@lru_cache(4096)
def path(name: str) -> str:
    """The path of an id whose parts are divided by slashes: `rename/merged-directory`."""
    parts = name.split("/")
    if len(parts) > _DEEPEST or len(name) > 2 * _LONGEST:
        return _digested(name)
    # A directory has no dot, so that none is called like the file of another id.
    return "/".join([*(_digested(part) if "." in part else slug(part) for part in parts[:-1]), slug(parts[-1])])


def driver(name: str) -> str:
    """The card of a driver."""
    return f"driver/{slug(name)}.html"


def kernels(driver: str) -> str:
    """The kernels of a driver."""
    return f"kernels/{slug(driver)}.html"


def check(function: str) -> str:
    """The page of a check function, `rename/merged-directory`; its parameters and provenances are places on it."""
    return f"check/{path(function)}.html"


def benchmark(name: str) -> str:
    """The page of a benchmark, with all its strata and points."""
    return f"benchmarks/{path(name)}.html"


def comparison(one: str, other: str) -> str:
    """The page that sets two lanes, editions or engines side by side."""
    return f"compare/{slug(one)}/{slug(other)}.html"


def edition(name: str) -> str:
    """The permanent page of an edition: what changed in it."""
    return f"edition/{slug(name)}/index.html"


def data(name: str, form: str = "json") -> str:
    """A table of the newest state, as `form`."""
    return f"data/{slug(name)}.{form}"


def schema(name: str) -> str:
    """The JSON schema of a file of data, whose name is one of ours."""
    return f"data/schemas/{name}.json"


def junit(lane: str) -> str:
    """The report of one lane in JUnit's form."""
    return f"data/junit/{slug(lane)}.xml"


def changes(edition: str) -> str:
    """What changed in an edition, for programs."""
    return f"data/changes/{slug(edition)}.json"


def edition_data(edition: str, name: str, form: str = "json") -> str:
    """A table of one edition, as `form`."""
    return f"edition/{slug(edition)}/{slug(name)}.{form}"


def badge(driver: str, form: str = "svg") -> str:
    """The badge of a driver, as a picture or as what shields.io asks for."""
    return f"badge/{slug(driver)}.{form}"


def evidence(digest: str) -> str:
    """Transcripts that do not fit on a page, named by the digest of their content."""
    return f"evidence/{slug(digest)}.html"


def evidence_script(function: str) -> str:
    """The evidence of all cells of a check function, as a script that the matrix loads when a cell is opened."""
    return f"{EVIDENCE}/{path(function)}.js"


@lru_cache(4096)
def link(of: str, to: str, place: str = "") -> str:
    """The relative address of one file of the site as it stands in another, with a place in it."""
    found = posixpath.relpath(to, posixpath.dirname(of) or ".")
    return f"{found}#{place}" if place else found


def _digested(name: str) -> str:
    plain = re.sub(r"[^a-z0-9-]+", "-", name[:_LONGEST].lower()).strip("-")[:40]
    return f"{plain or 'id'}_{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
