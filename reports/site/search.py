"""What the search of the front page looks through: one list of entries, each with the page and the place it leads to.

It is a script, because a page that lies in a file may load no other data. It is asked for when somebody searches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.reports.cases import base
from roadworthy.reports.claims import load
from roadworthy.reports.families import title
from roadworthy.reports.issues import load_issues
from roadworthy.reports.site import addresses
from roadworthy.reports.site.functions import functions
from roadworthy.reports.site.newest import function
from roadworthy.reports.site.page import Page
from roadworthy.reports.site.values import Site
from roadworthy.reports.sources import linked
from roadworthy.reports.text import anchor, island, visible

#: Words that mean one thing to whoever searches. An entry that has one of a group is found by each of them.
SYNONYMS = (
    ("hardlink", "hard link", "hard-link", "hardlinked", "hard-linked", "st_nlink", "link count"),
    ("symlink", "symbolic link", "soft link"),
    ("memory", "page cache", "pagecache", "ram"),
    ("mmap", "memory map", "mapping"),
    ("copy-up", "copyup", "copy up", "copied up", "first write"),
    ("whiteout", "deleted file", "removed file", "char 0/0"),
    ("xattr", "extended attribute", "user attribute"),
    ("acl", "access control list"),
    ("capability", "capabilities", "setcap", "file caps"),
    ("power cut", "power loss", "crash consistency", "durability", "unplugged"),
    ("rename", "mv", "exdev", "cross-device link"),
    ("disk full", "enospc", "no space left"),
    ("quota", "size limit", "storage-opt"),
    ("directory", "folder"),
    ("slow", "cost", "performance", "latency", "overhead"),
    ("inotify", "fanotify", "watch", "notification"),
    ("containerd", "snapshotter", "image store"),
    ("inode", "st_ino", "inode number"),
    ("timestamp", "mtime", "modification time", "ctime"),
)
#: The most characters of one entry's text, and the most entries.
LONGEST, MOST = 300, 6000

_ISSUE = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+)/(?:issues|pull|commit)/(\w+)")


@dataclass(frozen=True)
class Entry:
    """Something that is found: its kind, its title, words by which it is found besides, and where it leads."""

    kind: str
    title: str
    words: str
    address: str
    place: str = ""


def pages(site: Site) -> Iterator[Page]:
    """`search.js`, which the front page loads when somebody searches."""

    def make() -> str:
        found = [
            [one.kind, visible(one.title, LONGEST), visible(one.words, LONGEST),
             addresses.link(addresses.FRONT, one.address, one.place)]
            for one in list(entries(site))[:MOST] if one.address in site.addresses
        ]  # fmt: skip
        return f"searchData({island({'entries': found, 'synonyms': SYNONYMS})});\n"

    yield Page(addresses.SEARCH, make)


def entries(site: Site) -> Iterator[Entry]:
    """Everything that can be found, the kinds that answer most first."""
    for driver, _ in site.matrix.drivers:
        yield Entry("driver", driver, "storage driver card", addresses.driver(driver))
        yield Entry("driver", f"{driver} by kernel", "versions of linux", addresses.kernels(driver))
    yield from _checks(site)
    for found in site.known.findings:
        yield Entry("finding", found.title, " ".join((*found.drivers, found.conditions, *found.checks)),
                    addresses.FINDINGS, anchor("finding", found.title))  # fmt: skip
    for name in dict.fromkeys(function(one.workload) for one in site.matrix.comparisons):
        some = next(one.some for one in site.matrix.comparisons if function(one.workload) == name)
        yield Entry("benchmark", name, some.promise, addresses.benchmark(name))
    for row in {one.benchmark: one for one in site.matrix.counted}.values():
        yield Entry("count", row.benchmark, row.metric, addresses.benchmark(row.benchmark))
    for claim in load():
        yield Entry("claim", claim.says, f"{claim.name} 2016 article", addresses.CLAIMS, anchor("claim", claim.name))
    for option, checks in site.known.options.items():
        yield Entry("option", option, " ".join(checks), addresses.OPTIONS, anchor("option", option))
    for message in site.known.messages:
        yield Entry("error text", message.text, f"{message.means} {message.do}", addresses.ERRORS,
                    anchor("error", message.text))  # fmt: skip
    yield from _sources(site)


def _checks(site: Site) -> Iterator[Entry]:
    """Each check function, and each reason for which one breaks."""
    for name, rows in functions(site.matrix).items():
        check = rows[0].check
        words = f"{name.replace('/', ' ').replace('-', ' ')} {title(check.family)} {check.source}"
        yield Entry("check", f"{name}: {check.promise}", words, addresses.check(name))
    for name, rows in functions(site.matrix).items():
        reasons: dict[str, dict[str, None]] = {}
        for row in rows:
            for column, cell in zip(site.matrix.columns, row.cells, strict=True):
                if cell and cell.verdict == "known" and cell.result and cell.result.deviation:
                    reasons.setdefault(cell.result.deviation.why, {})[column.lane.driver] = None
        for why, drivers in reasons.items():
            yield Entry("break", why, f"{name} {' '.join(drivers)}", addresses.check(name), "answers")


def _sources(site: Site) -> Iterator[Entry]:
    """Each issue and change of another project that a check answers, or a check, a break or an error text cites."""
    cited: dict[tuple[str, str], str] = {}
    for issue in load_issues():
        for name in issue.checks:
            cited[issue.name, addresses.check(name)] = issue.says
    for row in site.matrix.rows:
        told = {cell.result.deviation.source for cell in row.cells if cell and cell.result and cell.result.deviation}
        for text in (row.check.source, *sorted(told)):
            for number in _issues(text):
                cited.setdefault((number, addresses.check(base(row.check.id))), row.check.promise)
    for message in site.known.messages:
        for number in _issues(message.source):
            cited.setdefault((number, addresses.ERRORS), message.text)
    for (number, address), said in cited.items():
        yield Entry("issue", number, said, address)


def _issues(source: str) -> list[str]:
    """`moby/moby#25409` for each address of an issue in a source."""
    found = (_ISSUE.match(address) for _, address in linked(source) if address)
    return [f"{one[1]}#{one[2]}" for one in found if one]
