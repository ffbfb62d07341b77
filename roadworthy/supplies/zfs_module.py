"""The zfs module for a packaged kernel: Debian ships its source only, for licence reasons, so it is built here.

dkms builds it, as on an administrator's machine, in a temporary tree of the kernel's own suite, with that kernel's
headers and that suite's compiler; natively, because emulation would take too long. It is cached per kernel release.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from roadworthy.programs import ProgramFailed, run
from roadworthy.stage import Stage, quietly
from roadworthy.supplies.apt import Apt, AptFailed, apt
from roadworthy.supplies.bootstrap import bootstrap, confined
from roadworthy.supplies.cache import Cache, CacheEntry, remove_tree
from roadworthy.supplies.kernels import Kernel

COMPONENTS = ("main", "contrib")
#: Dependencies of zfs-dkms. The package itself is only unpacked: its installation would build for the running kernel.
TOOLS = ("dkms", "libc6-dev", "make", "patch", "perl", "python3", "file", "lsb-release")
#: Seconds. Two cores take about ten minutes; slower ones get more time.
BUILD_DEADLINE = 7200.0


class ZfsFailed(Exception):
    """There is no zfs module for this kernel; the message says why."""


def with_zfs(
    kernel: Kernel, cache: Cache | None = None, *, accept_expired: bool = False, stage: Stage = quietly
) -> Kernel:
    """Return `kernel` with zfs in its modules tree, built if the cache has none.

    Raises ZfsFailed, AptFailed or BootstrapFailed.
    """
    if not kernel.lacking(["zfs"]):
        return kernel
    cache = cache or Cache()
    made = built(kernel, cache, accept_expired, stage)
    tree = kernel.modules
    assert tree

    def fill(directory: Path) -> dict[str, Any]:
        merged = directory / "lib/modules" / kernel.release
        shutil.copytree(tree, merged, symlinks=True)
        shutil.copytree(made.path / "modules", merged / "updates/dkms")
        run(["depmod", "--basedir", directory, kernel.release], 120)
        return {"release": kernel.release, "zfs": made.facts["version"]}

    recipe = {"release": kernel.release, "zfs": made.name, "made": made.made, "tree": 1}
    entry = cache.entry("kernel-zfs", recipe, fill, label=kernel.release, stage=stage)
    facts = {**kernel.facts, "zfs": str(made.facts["version"])}
    return replace(kernel, modules=entry.path / "lib/modules" / kernel.release, facts=facts)


def built(kernel: Kernel, cache: Cache, accept_expired: bool, stage: Stage) -> CacheEntry:
    """The cache's entry with the modules that were built for a kernel. Raises ZfsFailed."""
    suite = kernel.facts.get("suite")
    if suite is None:
        raise ZfsFailed(
            f"zfs is built for packaged kernels only, not for {kernel.source}; put zfs.ko into its lib/modules instead"
        )

    def fill(directory: Path) -> dict[str, Any]:
        with apt(suite, COMPONENTS, accept_expired, directory) as client:
            version = fetch(client, kernel.release, directory)
        tree = directory / "tree"
        packages = (f"linux-headers-{kernel.release}", *TOOLS)
        bootstrap(
            suite, packages, tree, components=COMPONENTS, devices=True, accept_expired=accept_expired, stage=stage
        )
        source = next((directory / "source/usr/src").glob("zfs-*"))
        shutil.copytree(source, tree / "usr/src" / source.name, symlinks=True)
        with stage(f"building zfs {version} for {kernel.release}, about ten minutes"):
            compile_module(tree, source.name.replace("-", "/", 1), kernel.release)
        collect(tree, kernel.release, directory / "modules")
        for rest in ("source", "package", "tree"):
            remove_tree(directory / rest)
        return {"version": version, "release": kernel.release, "suite": suite}

    recipe = {"module": "zfs", "release": kernel.release, "suite": suite, "build": 1}
    return cache.entry("zfs", recipe, fill, label=f"zfs-{kernel.release}", stage=stage, seconds=BUILD_DEADLINE)


def fetch(client: Apt, release: str, directory: Path) -> str:
    """Unpack the module's source to `source` and return its version. Raises ZfsFailed, AptFailed."""
    try:
        client.show(f"linux-headers-{release}")
    except AptFailed:
        raise ZfsFailed(
            f"{client.suite} has no headers for {release} any more; a newer kernel of the series has: "
            f"roadworthy cache prune --all kernel, then run again"
        ) from None
    version = client.show("zfs-dkms")["Version"]
    run(["dpkg-deb", "--extract", client.download("zfs-dkms", directory / "package"), directory / "source"])
    return version


def compile_module(tree: Path, module: str, release: str) -> None:
    """Run dkms in the tree. Raises ZfsFailed with the compiler's last words."""
    try:
        run(confined(["dkms", "add", module], tree), 120)
        run(confined(["dkms", "build", module, "-k", release], tree), BUILD_DEADLINE)
    except ProgramFailed as reason:
        logs = sorted((tree / "var/lib/dkms").rglob("make.log"))
        words = logs[-1].read_text(errors="replace").strip()[-1500:] if logs else ""
        wrong = re.findall(r"^.*(?:error|Error).*$", words, re.MULTILINE)
        raise ZfsFailed(f"{module} does not build for {release}: {' / '.join(wrong[-3:]) or words or reason}") from None


def collect(tree: Path, release: str, target: Path) -> None:
    """Move the built modules to `target`. Raises ZfsFailed if zfs.ko is missing."""
    target.mkdir()
    for path in sorted((tree / "var/lib/dkms/zfs").glob(f"*/{release}/*/module/*.ko*")):
        shutil.move(path, target / path.name)
    if not any(path.name.startswith("zfs.ko") for path in target.iterdir()):
        raise ZfsFailed(f"dkms succeeded for {release} but left no zfs.ko")
