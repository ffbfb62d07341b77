"""apt for another suite, with a state and a cache of its own: nothing of the host's package state changes.

The host's configuration stays in force (proxies, certificates, retries); only the list of sources and the paths that
apt writes to are replaced. See apt.conf(5), apt-secure(8).
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from roadworthy.programs import ProgramFailed, run
from roadworthy.supplies import sources
from roadworthy.supplies.sources import Source

#: The option that accepts a suite whose Release file is past its date; the error names it.
ACCEPT_EXPIRED = "--accept-expired-suites"


class AptFailed(Exception):
    """apt could not provide a package or its lists; the message says what to do."""


class Apt:
    """apt for one suite. `directory` holds all that it writes; `sources` are those that it reads, after `update`."""

    def __init__(
        self, suite: str, directory: Path, components: Sequence[str] = ("main",), accept_expired: bool = False
    ) -> None:
        self.suite = suite
        self.accept_expired = accept_expired
        self.architecture = run(["dpkg", "--print-architecture"]).strip()
        try:
            self.sources = sources.for_suite(host_sources(), host_codename(), suite, components)
        except sources.NoSource as reason:
            raise AptFailed(str(reason)) from None
        self.sourcelist = directory / "suite.sources"
        self._configuration = directory / "apt.conf"
        for name in ("state/lists/partial", "cache/archives/partial", "etc"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        settings = {
            "Dir::Etc::sourcelist": self.sourcelist,
            "Dir::Etc::sourceparts": directory / "etc",
            "Dir::Etc::preferences": directory / "etc/preferences",
            "Dir::Etc::preferencesparts": directory / "etc",
            "Dir::State": directory / "state",
            "Dir::State::status": directory / "status",
            "Dir::Cache": directory / "cache",
            "APT::Architecture": self.architecture,
            "APT::Default-Release": "",
            "APT::Sandbox::User": "root",  # the directory is ours alone; apt's own user cannot write there
            "Acquire::Languages": "none",
        }
        # The host's hooks announce new package lists to its desktop; these lists are not the host's.
        cleared = [
            "#clear APT::Update::Post-Invoke;",
            "#clear APT::Update::Post-Invoke-Success;",
            "#clear APT::Architectures;",
        ]
        lines = [f'{name} "{value}";' for name, value in (settings | self.dates()).items()]
        self._configuration.write_text(
            "\n".join([*cleared, *lines, *environment_proxies(run(["apt-config", "dump"]))]) + "\n"
        )

    def dates(self) -> dict[str, str]:
        """apt's settings that accept or refuse a Release file past its date; they override the host's own."""
        if self.accept_expired:
            return {"Acquire::Check-Valid-Until": "false"}
        return {"Acquire::Check-Valid-Until": "true", "Acquire::Check-Date": "true"}  # the first needs the second

    def update(self) -> None:
        """Fetch the package lists, those of updates and security only if the mirror has them. Raises AptFailed."""
        self._write_sources()
        try:
            self._fetch_lists()
        except ProgramFailed as reason:
            said = str(reason)
            self._refuse_expired(said)
            # Pairs of URI and suite, because another URI may have the suite.
            absent = re.findall(r"'(\S+) (\S+) (?:In)?Release' (?:does not have|no longer has) a Release file", said)
            left = sources.without(self.sources, absent)
            if not absent or not any(self.suite in source.suites for source in left):
                raise AptFailed(f"the package lists of {self.suite} cannot be read: {said}") from None
            self.sources = left
            self._write_sources()
            try:
                self._fetch_lists()
            except ProgramFailed as again:
                self._refuse_expired(str(again))
                raise AptFailed(f"the package lists of {self.suite} cannot be read: {again}") from None

    def show(self, package: str) -> dict[str, str]:
        """The fields of a package's candidate. Raises AptFailed if the suite has no such package."""
        try:
            said = self._run("apt-cache", "show", "--no-all-versions", package)
        except ProgramFailed:
            raise AptFailed(f"{self.suite} has no package {package}") from None
        return dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", said.partition("\n\n")[0], re.MULTILINE))

    def names(self, prefix: str) -> list[str]:
        """The names of all packages that begin with `prefix`, sorted."""
        return sorted(self._run("apt-cache", "pkgnames", prefix).split())

    def download(self, package: str, into: Path) -> Path:
        """Fetch one package without unpacking it, and return its file. Raises AptFailed."""
        into.mkdir(parents=True, exist_ok=True)
        before = set(into.glob("*.deb"))
        try:
            # apt-get download writes to its working directory.
            run(["env", f"--chdir={into}", "apt-get", "-c", self._configuration, "-q", "download", package], 1800)
        except ProgramFailed as reason:
            raise AptFailed(f"{package} of {self.suite} cannot be fetched: {reason}") from None
        fetched = set(into.glob("*.deb")) - before
        if len(fetched) != 1:
            raise AptFailed(f"{package} of {self.suite}: apt-get download left {len(fetched)} new files, expected one")
        return fetched.pop()

    def download_all(self, packages: Sequence[str], into: Path) -> list[Path]:
        """Fetch several packages without unpacking them, and return their files. Raises AptFailed."""
        into.mkdir(parents=True)
        try:
            run(["env", f"--chdir={into}", "apt-get", "-c", self._configuration, "-q", "download", *packages], 1800)
        except ProgramFailed as reason:
            raise AptFailed(f"packages of {self.suite} cannot be fetched: {reason}") from None
        return sorted(into.glob("*.deb"))

    def acquire_settings(self) -> str:
        """The host's settings for reaching its mirror, as a configuration for programs that do not read the host's."""
        kept = re.compile(
            r"Acquire::(?:https?|Retries|ForceIPv[46]|Queue-Mode|Proxy\S*|Send-URI-Encoded)\b(?!.*\"\";$).*;"
        )
        dump = run(["apt-config", "dump"])
        lines = [line for line in dump.splitlines() if kept.fullmatch(line)]
        netrc = run(["apt-config", "shell", "FILE", "Dir::Etc::netrc/f", "PARTS", "Dir::Etc::netrcparts/d"])
        found = dict(re.findall(r"^(\w+)='(.*)'$", netrc, re.MULTILINE))
        lines += [f'Dir::Etc::netrc "{found["FILE"]}";'] if found.get("FILE") else []
        lines += [f'Dir::Etc::netrcparts "{found["PARTS"]}";'] if found.get("PARTS") else []
        lines += [f'{name} "{value}";' for name, value in self.dates().items()]
        return "\n".join([*lines, *environment_proxies(dump)]) + "\n"

    def _fetch_lists(self) -> None:
        # Without the option, lists that could not be read are a warning, and the old ones (here: none) are used.
        self._run("apt-get", "-q", "update", "--error-on=any", seconds=600)

    def _write_sources(self) -> None:
        self.sourcelist.write_text("\n".join(source.text() for source in self.sources))

    def _refuse_expired(self, said: str) -> None:
        if re.search(r"Release file for \S+ is (?:expired|not valid yet)", said):
            raise AptFailed(
                f"the mirror's Release file of {self.suite} is past its date; {ACCEPT_EXPIRED} accepts it"
            ) from None

    def _run(self, program: str, *arguments: str, seconds: float = 120) -> str:
        return run([program, "-c", self._configuration, *arguments], seconds)


@contextmanager
def apt(
    suite: str, components: Sequence[str] = ("main",), accept_expired: bool = False, within: Path | None = None
) -> Iterator[Apt]:
    """Yield apt for a suite, with its lists fetched, in a temporary directory below `within`. Raises AptFailed."""
    with tempfile.TemporaryDirectory(prefix="roadworthy-apt-", dir=within) as directory:
        client = Apt(suite, Path(directory), components, accept_expired)
        client.update()
        yield client


def host_sources() -> list[Source]:
    """The host's sources, from the files that its apt reads."""
    said = run(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"])
    found = dict(re.findall(r"^(\w+)='(.*)'$", said, re.MULTILINE))
    return sources.read(Path(found["LIST"]), Path(found["PARTS"]))


def host_codename() -> str:
    """The host's release as suites are named, `bookworm`; empty if os-release(5) does not say."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def environment_proxies(configured: str) -> list[str]:
    """The user's proxies as apt's settings, because the programs that we run do not see the user's environment.

    `configured` is the output of `apt-config dump`; a proxy that is set there has precedence, as with apt itself.
    """
    found = []
    excepted = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").replace(",", " ").split()
    for scheme in ("http", "https"):
        value = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY")
        if value and f'Acquire::{scheme}::Proxy "' not in configured.replace('Proxy "";', ""):
            found.append(f'Acquire::{scheme}::Proxy "{value}";')
            found += [f'Acquire::{scheme}::Proxy::{name} "DIRECT";' for name in excepted if re.match(r"[\w]", name)]
    return found
