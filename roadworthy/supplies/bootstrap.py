"""A Debian suite as a directory tree, made by mmdebstrap from the host's own sources."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from roadworthy.programs import ENVIRONMENT, ProgramFailed, run
from roadworthy.stage import Stage, quietly
from roadworthy.supplies.apt import Apt
from roadworthy.supplies.packages import needs

#: Suites that hold some packages only, with the suite beside which they are used: of what is named they give what they
#: have.
PARTIAL = {"experimental": "sid"}
#: Paths that a machine's tree does not need; 100 MB of an image.
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")


class BootstrapFailed(Exception):
    """The tree could not be made."""


def confined(argv: Sequence[str | os.PathLike[str]], root: Path | None = None) -> list[str | os.PathLike[str]]:
    """The argument list that runs a command in mount and process namespaces of its own, tied to the calling thread.

    With `root` it runs chrooted there, with a /proc. Its mounts end with it, so that a killed build leaves only files.
    """
    return [
        "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL",
        *([f"--root={root}"] if root else []), "--mount-proc", *argv,
    ]  # fmt: skip


def bootstrap(
    suite: str,
    packages: Sequence[str],
    target: Path,
    *,
    components: Sequence[str] = ("main",),
    devices: bool = False,
    accept_expired: bool = False,
    stage: Stage = quietly,
) -> dict[str, str]:
    """Make the tree of a suite with these packages in `target`, and return the exact version of each package in it.

    What apt and mmdebstrap write lies beside `target` meanwhile, so that it is removed with it if the build is killed.
    Without `devices` its /dev is empty, because its users mount one there. Raises AptFailed or BootstrapFailed.
    """
    if os.geteuid() != 0:
        raise BootstrapFailed("making a root file system needs root: run it as root, or with sudo")
    if not shutil.which("mmdebstrap", path=ENVIRONMENT["PATH"]):
        raise BootstrapFailed(needs("mmdebstrap"))
    with tempfile.TemporaryDirectory(prefix="apt-", dir=target.parent) as scratch:
        base = PARTIAL.get(suite, suite)
        clients = [Apt(name, Path(scratch) / name, components, accept_expired) for name in dict.fromkeys((base, suite))]
        for client in clients:
            with stage(f"reading the package lists of {client.suite}"):
                client.update()
        settings = Path(scratch) / "settings.conf"
        settings.write_text(client.acquire_settings())
        argv: list[str | os.PathLike[str]] = [
            "env", f"TMPDIR={scratch}",
            "mmdebstrap", "--mode=root", "--variant=essential", "--format=directory", f"--aptopt={settings}",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
            "--dpkgopt=force-unsafe-io",  # the cache syncs the whole once; dpkg would sync every file
            f"--include={','.join(included(packages, client) if suite in PARTIAL else packages)}",
            *([] if devices else ["--skip=output/dev"]),
            base, target, *(client.sourcelist for client in clients),
        ]  # fmt: skip
        with stage(f"installing {packages[0]} and what it needs from {suite}"):
            try:
                run(confined(argv), 1800)
            except ProgramFailed as reason:
                errors = re.findall(r"^E: .*|^dpkg: error.*", str(reason), re.MULTILINE)
                words = " / ".join(errors[:5]) or str(reason)
                raise BootstrapFailed(f"mmdebstrap could not make a tree of {suite}: {words}") from None
    forget_the_host(target)
    return versions(target)


def included(packages: Sequence[str], client: Apt) -> list[str]:
    """The packages as apt-get(8) takes them: those that a partial suite has come from it, as NAME/SUITE."""
    had = set(client.names(""))
    return [f"{name}/{client.suite}" if name in had else name for name in packages]


def forget_the_host(tree: Path) -> None:
    """Remove what a tree took over from the host: mirrors, proxies, name, resolver, machine id; and its logs."""
    for name in ("etc/apt/apt.conf.d/99mmdebstrap", "etc/apt/sources.list", "etc/resolv.conf", "etc/machine-id"):
        (tree / name).unlink(missing_ok=True)
    for path in (*(tree / "etc/apt/sources.list.d").glob("*"), *(tree / "var/log").rglob("*.log")):
        path.unlink()
    (tree / "etc/machine-id").touch()
    (tree / "etc/hostname").write_text("roadworthy\n")


def versions(tree: Path) -> dict[str, str]:
    """The exact version of each package in a tree, from the tree's own dpkg."""
    listed = run(["chroot", tree, "dpkg-query", "--show", "--showformat=${Package} ${Version}\n"])
    return dict(line.split(" ", 1) for line in listed.splitlines())
