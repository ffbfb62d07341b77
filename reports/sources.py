"""Where a source can be read: the words by which entries and checks name their sources, and the address of each.

A source is prose: a project with a file and a function, a document with its section, a man page, a commit, an issue.
The tables below know the addresses, so that an entry stays readable. Files are those of a release, so that a link keeps
showing what was read. A bare file or issue belongs to the project that was named last before it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from roadworthy.reports.text import TEXT_LIMIT, visible, with_links

GITHUB = "https://github.com"
MAN = "https://man7.org/linux/man-pages"
DOCKER = "https://docs.docker.com"
KERNEL = "https://www.kernel.org/doc/html/v6.12"


@dataclass(frozen=True)
class Project:
    """A repository on GitHub at the release that was read; `tops` are the folders at its root that sources name.

    `later` are files that came after that release, with a release that has them.
    """

    repository: str
    release: str
    tops: tuple[str, ...] = ()
    later: tuple[tuple[str, str], ...] = ()

    def file(self, path: str) -> str:
        release = next((release for start, release in self.later if path.startswith(start)), self.release)
        kind = "blob" if re.search(r"\.\w+$", path) else "tree"
        return f"{GITHUB}/{self.repository}/{kind}/{release}/{path}"


_LATE = "v28.5.2"
#: Projects by the words that name them; of words that begin alike the longest counts.
PROJECTS = {
    "moby": Project(
        "moby/moby", "v20.10.24", ("daemon", "pkg", "image", "distribution", "layer", "container", "vendor"),
        (("daemon/containerd/", _LATE), ("daemon/daemon.go", _LATE), ("pkg/atomicwriter", _LATE), ("vendor/", _LATE)),
    ),
    "containerd": Project("containerd/containerd", "v2.2.0", ("docs", "core", "plugins", "pkg")),
    "containerd/continuity": Project("containerd/continuity", "v0.4.5", ("fs",)),
    "containers/storage": Project("containers/storage", "v1.43.0", ("drivers", "pkg", "store.go")),
    "containers/image": Project("containers/image", "v5.23.0", ("storage",)),
    "fuse-overlayfs": Project("containers/fuse-overlayfs", "v1.10", ("main.c",)),
    "podman": Project("containers/podman", "v4.3.1", ("libpod",)),
    "buildah": Project("containers/buildah", "v1.28.0", ("copier",)),
    "Linux": Project("torvalds/linux", "v6.12", ("fs", "mm", "include", "kernel", "drivers")),
    "aufs": Project("sfjro/aufs-standalone", "aufs5.10", ("fs", "include", "Documentation")),
    "OpenZFS": Project("openzfs/zfs", "zfs-2.1.11", ("module",)),
    "OCI image-spec": Project("opencontainers/image-spec", "v1.1.0", ("layer.md",)),
}  # fmt: skip
#: Releases that sources name by their series.
FULL = {"4.3": "4.3.1", "28.5": "28.5.2"}
#: Other words for a project.
ALSO = {
    "moby/moby": "moby", "docker.io": "moby", "docker": "moby", "containers/fuse-overlayfs": "fuse-overlayfs",
    "kernel": "Linux", "aufs5.10": "aufs", "Podman": "podman", "containers/podman": "podman",
}  # fmt: skip

#: Pages of Docker's documentation by the words of their titles. Two are gone from the site, and stand in its history.
_GONE = "content/manuals/engine/storage/drivers"
_AUFS = f"{GITHUB}/docker/docs/blob/9e16ee6e9de35a21c48541792e40a225907b6990/{_GONE}"
_DEVICE_MAPPER = f"{GITHUB}/docker/docs/blob/2c92482e6aba70316cdd61cc7adf1dbe7002936c/{_GONE}"
PAGES = {
    "VFS storage driver": f"{DOCKER}/engine/storage/drivers/vfs-driver/",
    "ZFS storage driver": f"{DOCKER}/engine/storage/drivers/zfs-driver/",
    "OverlayFS storage driver": f"{DOCKER}/engine/storage/drivers/overlayfs-driver/",
    "BTRFS storage driver": f"{DOCKER}/engine/storage/drivers/btrfs-driver/",
    "AUFS storage driver": f"{_AUFS}/aufs-driver.md",
    "Device Mapper storage driver": f"{_DEVICE_MAPPER}/device-mapper-driver.md",
    "Select a storage driver": f"{DOCKER}/engine/storage/drivers/select-storage-driver/",
    "containerd image store with Docker Engine": f"{DOCKER}/engine/storage/containerd/",
    "dockerd": f"{DOCKER}/reference/cli/dockerd/",
    "docker run": f"{DOCKER}/reference/cli/docker/container/run/",
}

#: Man pages that do not lie with those of the Linux man-pages project.
ELSEWHERE = {
    "zfsprops(7)": "https://openzfs.github.io/openzfs-docs/man/v2.1/7/zfsprops.7.html",
    "zfs(4)": "https://openzfs.github.io/openzfs-docs/man/v2.1/4/zfs.4.html",
    "logrotate(8)": f"{GITHUB}/logrotate/logrotate/blob/3.21.0/logrotate.8.in",
    "mount.fuse3(8)": f"{GITHUB}/libfuse/libfuse/blob/fuse-3.14.0/doc/mount.fuse3.8",
    "podman-run(1)": f"{GITHUB}/containers/podman/blob/v4.3.1/docs/source/markdown/podman-run.1.md.in",
}

#: aufs.5, whose own repository is not on GitHub.
AUFS_PAGE = f"{GITHUB}/tianon/aufs-util/blob/0385c8954ac32680cd3de9c0323227ee4f81f201/aufs.in.5"

_OWNERS = r"moby/moby|containers/[\w-]+|containerd/containerd|npm/npm|docker/for-linux|coreos/bugs"
_PATH = r"[\w.+-]+(?:/[\w.+-]+)+|main\.c|store\.go|layer\.md|[\w-]+\.rst"


@functools.cache
def linked(source: str) -> tuple[tuple[str, str], ...]:
    """Split a source into pieces, each with the address where it can be read, or "" for what has none.

    Addresses that are written out become links, too.
    """
    source = source[:TEXT_LIMIT]
    pieces: list[tuple[str, str]] = []
    plain = done = 0
    while done < len(source):
        rule, found = min(
            ((rule, found) for rule, pattern in RULES if (found := pattern.search(source, done))),
            key=lambda pair: pair[1].start(), default=(None, None),
        )  # fmt: skip
        if rule is None or found is None:
            break
        done = max(found.end(), done + 1)
        if address := rule(found, project_before(source, found.start())):
            pieces += with_links(source[plain : found.start()])
            pieces.append((visible(found[0]), address))
            plain = done
    return (*pieces, *with_links(source[plain:]))


def addresses(source: str) -> list[str]:
    """The addresses of a source, in their order."""
    return [address for _, address in linked(source) if address]


def project_before(source: str, end: int) -> Project | None:
    """The project that was named last before a place, at the release of the kernel if one is named with it."""
    named = list(_NAMES.finditer(source, 0, end))
    if not named:
        return None
    name = ALSO.get(named[-1][0], named[-1][0])
    release = re.compile(r" (\d+\.\d+)(?= [a-z]+/)").match(source, named[-1].end())
    return replace(PROJECTS[name], release=f"v{release[1]}") if release and name == "Linux" else PROJECTS[name]


def _issue(found: re.Match[str], project: Project | None) -> str:
    return f"{GITHUB}/{found['repository']}/issues/{found['number']}"


def _further(found: re.Match[str], project: Project | None) -> str:
    """The address of `#43882`, or of `issue 5986`, of the project that was named before it."""
    kind = "pull" if found["kind"] and found["kind"].startswith(("PR", "pull")) else "issues"
    return f"{GITHUB}/{project.repository}/{kind}/{found['number']}" if project else ""


def _file(found: re.Match[str], project: Project | None) -> str:
    path = found[0].rstrip(".")
    if document := re.fullmatch(r"(?:Documentation/)?((?:filesystems|admin-guide)/)?(.*)\.rst", path):
        return f"{KERNEL}/{document[1] or 'filesystems/'}{document[2]}.html"
    if project is None or path.split("/")[0] not in project.tops:
        return ""
    # The title of a commit of Linux begins with a folder: `fs/proc: show …`.
    return "" if project.repository == "torvalds/linux" and "." not in path else project.file(path)


def _man(found: re.Match[str], project: Project | None) -> str:
    page, section = found["page"], found["section"]
    return ELSEWHERE.get(f"{page}({section})", f"{MAN}/man{section}/{page}.{section}.html")


def _commit(found: re.Match[str], project: Project | None) -> str:
    return f"{GITHUB}/{PROJECTS['Linux'].repository}/commit/{found['hash']}"


def _page(found: re.Match[str], project: Project | None) -> str:
    return PAGES[found[0]]


def _measured(found: re.Match[str], project: Project | None) -> str:
    """The release that was measured, where nothing is written."""
    release = found["release"]
    return f"{GITHUB}/{PROJECTS[ALSO.get(found['what'], found['what'])].repository}/tree/v{FULL.get(release, release)}"


def _fixed(address: str) -> Callable[[re.Match[str], Project | None], str]:
    return lambda found, project: found.expand(address)


Rule = Callable[[re.Match[str], Project | None], str]

_WORDS = "|".join(re.escape(name) for name in sorted({*PROJECTS, *ALSO}, key=len, reverse=True))
_NAMES = re.compile(rf"(?<![\w/.-])(?:{_WORDS})(?![\w/-])")

#: What begins first in a source counts, and of several at one place the first of these.
RULES: list[tuple[Rule, re.Pattern[str]]] = [
    (_issue, re.compile(rf"(?<![\w/])(?P<repository>{_OWNERS})#(?P<number>\d+)")),
    (_fixed(r"https://bugzilla.redhat.com/show_bug.cgi?id=\1"), re.compile(r"Red Hat bug (\d+)")),
    (_fixed("https://criu.org/Filesystems_pecularities"), re.compile(r"criu\.org, Filesystems pecularities")),
    (_fixed("https://pkg.go.dev/archive/tar#Header"), re.compile(r"Go archive/tar, Header\.ModTime")),
    (_fixed(rf"{GITHUB}/pjd/pjdfstest/blob/master/tests/\1"), re.compile(r"(?<=pjdfstest, )([a-z]+/\d+\.t)")),
    (
        _fixed(r"https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git/tree/tests/\1"),
        re.compile(r"xfstests (\w+/\d{3})"),
    ),
    (_fixed(rf"{DOCKER}/engine/release-notes/\1/"), re.compile(r"Docker Engine (\d+\.\d+) release notes")),
    (_fixed(rf"{GITHUB}/containers/container-libs/pull/\1"), re.compile(r"container-libs pull request (\d+)")),
    (_fixed(f"{GITHUB}/openzfs/zfs/releases/tag/zfs-2.2.0"), re.compile(r"OpenZFS 2\.2(?!\.)")),
    (_fixed(AUFS_PAGE), re.compile(r"(?<![\w/])aufs\.5")),
    (_page, re.compile("|".join(re.escape(title) for title in sorted(PAGES, key=len, reverse=True)))),
    (_commit, re.compile(r"(?<=Linux commit )(?P<hash>[0-9a-f]{12,40})")),
    (_further, re.compile(r"(?P<kind>issues? |PR |pull request |(?<=\d and )|(?<=\d, ))#?(?P<number>\d+)(?![\w.:])")),
    (_man, re.compile(r"(?<![\w/:])(?P<page>[a-z_][\w.-]*)\((?P<section>[1-8])\)")),
    (
        _measured,
        re.compile(r"measured (?:with|on) (?P<what>fuse-overlayfs|Podman|docker\.io|docker) (?P<release>\d[\d.]*\d)"),
    ),
    (_file, re.compile(rf"(?<![\w/.])(?:{_PATH})")),
]
