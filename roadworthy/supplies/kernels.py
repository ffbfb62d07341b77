"""Kernels to boot: this host's, one of Debian's by its series, or the user's own by a path.

A series is resolved to the kernel package of the release that carries it, or of any suite whose package lists have it;
the package is fetched with the host's apt and unpacked into the cache, not installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roadworthy.programs import run
from roadworthy.reports.nearest import meant
from roadworthy.stage import Stage, quietly
from roadworthy.supplies import kernel_lists
from roadworthy.supplies.apt import Apt, AptFailed, apt
from roadworthy.supplies.cache import Cache, CacheEntry
from roadworthy.supplies.disk_image import ext4_image
from roadworthy.supplies.modules import ModuleLacking, Modules
from roadworthy.supplies.own_path import absent, contents
from roadworthy.versions import series as series_of

#: The series of Debian's releases, and the suites that may carry them, the first one first. Backports come and go, and
#: are found in package lists, see `kernel_lists`.
SERIES = {"5.10": ("bullseye",), "6.1": ("bookworm",), "6.12": ("trixie",), "7.2": ("forky", "sid")}
#: Debian's flavours, the better one first: a cloud kernel is a third of the size and boots in half the time.
FLAVOURS = ("cloud-", "")
#: Packages beside linux-image-RELEASE that hold parts of what it used to hold.
PARTS = ("binary", "modules", "base")
IMAGES = ("vmlinuz", "bzImage", "vmlinuz-*", "boot/vmlinuz", "boot/vmlinuz-*")


class KernelUnknown(Exception):
    """A name is not that of an available kernel; the message says what was expected, and the nearest."""


@dataclass(frozen=True)
class Kernel:
    """A kernel to boot. `modules` is its lib/modules/RELEASE; None if everything is built in.

    `image` is the file to boot; that of the `host` may be missing, as nothing boots it. `source` is the name asked for:
    `host`, a series, or a path.
    """

    series: str
    release: str
    image: Path
    modules: Path | None
    source: str
    facts: Mapping[str, str] = field(default_factory=dict, compare=False)

    def closure(self, names: Iterable[str]) -> list[Path]:
        """The module files to load for `names`, in order; empty without a modules tree. Raises ModuleLacking."""
        return Modules(self.modules).closure(names) if self.modules else []

    def lacking(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that the kernel certainly lacks; none without a modules tree, as nothing is known then."""
        if self.modules is None:
            return []
        known = Modules(self.modules)
        return [name for name in names if not known.has(name)]


def kernel(
    source: str,
    cache: Cache | None = None,
    *,
    needs: Iterable[str] = (),
    accept_expired: bool = False,
    stage: Stage = quietly,
) -> Kernel:
    """The kernel named by `source`: `host`, a series that a suite carries, or a path.

    Of a series, the cloud flavour is taken if it has all modules in `needs`, else the generic one.
    Raises KernelUnknown, AptFailed, ModuleLacking.
    """
    cache = cache or Cache()
    if source == "host":
        return host_kernel()
    if is_series(source):
        expect_series(source, cache, accept_expired, stage)
        return packaged(source, cache, tuple(needs), accept_expired, stage)
    if os.sep in source or Path(source).exists():
        return from_path(Path(source), cache, stage)
    raise unknown(source, [*SERIES])


def is_series(source: str) -> bool:
    """Whether a value of --kernel is a series, such as `6.12`, and no path."""
    return re.fullmatch(r"\d+\.\d+", source) is not None


def expect_series(
    source: str, cache: Cache | None = None, accept_expired: bool = False, stage: Stage = quietly
) -> None:
    """Raise KernelUnknown if no suite carries a kernel of this series, and the cache has none either.

    Package lists are read for a series that is neither a release's nor in the cache.
    """
    cache = cache or Cache()
    if source in SERIES or cached(source, cache):
        return
    try:
        found = kernel_lists.all_series(kernel_lists.listed(cache, accept_expired, stage))
    except AptFailed as reason:
        raise unknown(
            source, [*SERIES], f"; the package lists, which may have others, cannot be read: {reason}"
        ) from None
    if source not in found:
        raise unknown(source, found)


def series_known(cache: Cache) -> list[str]:
    """The series of releases and of the package lists that were read last, the oldest first. Nothing is fetched."""
    return sorted({*SERIES, *kernel_lists.all_series(kernel_lists.last_listed(cache))}, key=kernel_lists.numbers)


def unknown(source: str, series: list[str], more: str = "") -> KernelUnknown:
    """The error for a name that no kernel has, with the nearest."""
    near = meant(source, ["host", *series]) or "."
    return KernelUnknown(
        f"no kernel {source}{near} Expected host, a series ({', '.join(series)}), or the path of a bzImage, "
        f"of a kernel package, or of a directory with packages or with vmlinuz and lib/modules/RELEASE{more}"
    )


def host_kernel() -> Kernel:
    """The running kernel."""
    release = os.uname().release
    modules = Path("/lib/modules") / release
    tree = modules if (modules / "modules.dep").is_file() else None
    return Kernel(series_of(release), release, Path(f"/boot/vmlinuz-{release}"), tree, "host")


def packaged(series: str, cache: Cache, needs: tuple[str, ...], accept_expired: bool, stage: Stage) -> Kernel:
    """The kernel of a series from its suite, in the first flavour that has every module of `needs`."""
    lacking: list[str] = []
    for flavour in FLAVOURS:
        found = opened(series, fetched(series, flavour, cache, accept_expired, stage))
        lacking = found.lacking(needs)
        if not lacking:
            return found
    raise ModuleLacking(f"Debian's kernel {series} has no module {', '.join(lacking)}, in either flavour")


def recipe(series: str, flavour: str) -> dict[str, Any]:
    """The recipe of a packaged kernel in the cache. `tree` is the version of what fetched() makes of the package."""
    return {"series": series, "flavour": flavour, "machine": platform.machine(), "tree": 1}


def fetched(series: str, flavour: str, cache: Cache, accept_expired: bool, stage: Stage) -> CacheEntry:
    """The cache entry of a packaged kernel: `vmlinuz`, `lib/modules/RELEASE`, and the package's names as facts."""

    def fill(directory: Path) -> dict[str, Any]:
        complaint: AptFailed | None = None
        suites = carriers(series, flavour, cache, accept_expired, stage)
        for suite, named in suites.items():
            try:
                with apt(suite, accept_expired=accept_expired, within=directory) as client:
                    package, version = candidate(client, flavour, named)
                    if series_of(version) != series:
                        continue
                    files = [client.download(name, directory / "package") for name in parts(client, package)]
            except AptFailed as reason:
                complaint = complaint or reason
                continue
            release = unpack(files, directory)
            shutil.rmtree(directory / "package")
            return {"package": package, "version": version, "suite": suite, "release": release}
        if complaint:
            raise complaint
        raise KernelUnknown(f"{' and '.join(suites)} no longer carries a kernel {series}")

    return cache.entry("kernel", recipe(series, flavour), fill, label=f"linux-{flavour}{series}", stage=stage)


def carriers(series: str, flavour: str, cache: Cache, accept_expired: bool, stage: Stage) -> dict[str, str]:
    """The suites to ask for a series, each with the package that it has of it; empty for its metapackage's."""
    if series in SERIES:
        return dict.fromkeys(SERIES[series], "")
    found = kernel_lists.of_series(kernel_lists.listed(cache, accept_expired, stage), series, flavour)
    return {one.suite: one.package for one in found}


def candidate(client: Apt, flavour: str, package: str = "") -> tuple[str, str]:
    """The kernel `package` or, without one, that behind a suite's metapackage, and its version. Raises AptFailed."""
    if package:
        return package, client.show(package)["Version"]
    fields = client.show(f"linux-image-{flavour}{client.architecture}")
    named = re.search(r"\blinux-image-(\d\S*)", fields.get("Depends", ""))
    if named is None:
        raise AptFailed(f"{fields.get('Package')} of {client.suite} depends on no kernel: {fields.get('Depends')}")
    return f"linux-image-{named[1]}", fields["Version"]


def parts(client: Apt, package: str) -> list[str]:
    """The packages that hold a kernel: one until 6.12, one each for binary, modules and base since."""
    release = package.removeprefix("linux-image-")
    listed = client.show(package).get("Depends", "")
    others = [f"linux-{part}-{release}" for part in PARTS]
    return [package, *(name for name in others if re.search(rf"(?<!\S){re.escape(name)}(?!\S)", listed))]


def unpack(packages: list[Path], directory: Path) -> str:
    """Unpack kernel packages to `vmlinuz`, `config`, and lib/modules/RELEASE with depmod's files; return RELEASE."""
    unpacked = directory / "unpacked"
    for package in packages:
        run(["dpkg-deb", "--extract", package, unpacked], 300)
    names = ", ".join(package.name for package in packages)
    # Since the merge of /usr, packages say usr/lib.
    trees = [tree for place in ("lib/modules", "usr/lib/modules") for tree in (unpacked / place).glob("[0-9]*")]
    if len(trees) != 1:
        raise KernelUnknown(
            f"{names}: expected one tree of modules in them, there are {len(trees)}; "
            f"some distributions keep modules in a package of their own"
        )
    release = trees[0].name
    kept = directory / "lib/modules" / release
    kept.parent.mkdir(parents=True)
    shutil.move(trees[0], kept)
    image = next((path for path in (unpacked / f"boot/vmlinuz-{release}", kept / "vmlinuz") if path.is_file()), None)
    if image is None:
        raise KernelUnknown(f"{names}: expected boot/vmlinuz-{release} in them")
    shutil.move(image, directory / "vmlinuz")
    for path in (kept / "build", kept / "source", kept / "System.map"):
        path.unlink(missing_ok=True)
    for configuration in (unpacked / f"boot/config-{release}", kept / "config"):
        if configuration.is_file():
            shutil.move(configuration, directory / "config")
    shutil.rmtree(unpacked)
    run(["depmod", "--basedir", directory, release], 120)  # packages leave this to their installation
    return release


def opened(source: str, entry: CacheEntry) -> Kernel:
    """The kernel of an entry of the cache."""
    release = entry.facts["release"]
    facts = {name: str(value) for name, value in entry.facts.items()}
    return Kernel(
        series_of(release), release, entry.path / "vmlinuz", entry.path / "lib/modules" / release, source, facts
    )


def cached(series: str, cache: Cache) -> list[CacheEntry]:
    """The flavours of a series that are in the cache."""
    found = (cache.find("kernel", recipe(series, flavour), f"linux-{flavour}{series}") for flavour in FLAVOURS)
    return [entry for entry in found if entry]


def from_path(path: Path, cache: Cache, stage: Stage) -> Kernel:
    """The user's own kernel: an image file, a package, or a directory. Raises KernelUnknown."""
    path = path.absolute()
    if path.is_dir():
        packages = sorted(path.glob("linux-*.deb"))
        named = re.compile(rf"linux-(?:image|{'|'.join(PARTS)})-(?:unsigned-|extra-)?\d.*")
        wanted = [package for package in packages if named.fullmatch(package.name)]
        return from_packages(path, wanted, cache, stage) if wanted else from_directory(path)
    if not path.exists():
        raise KernelUnknown(absent(path))
    if not path.is_file():
        raise KernelUnknown(f"{path} is neither a regular file nor a directory")
    if path.suffix == ".deb":
        return from_packages(path, [path], cache, stage)
    release = image_release(path)
    return Kernel(series_of(release), release, path, None, str(path))


def from_packages(path: Path, packages: list[Path], cache: Cache, stage: Stage) -> Kernel:
    """The user's own kernel packages, unpacked into the cache once for their contents."""
    digests = {}
    for package in packages:
        with package.open("rb") as file:
            digests[package.name] = hashlib.file_digest(file, "sha256").hexdigest()

    def fill(directory: Path) -> dict[str, Any]:
        return {"release": unpack(packages, directory)}

    entry = cache.entry("kernel", {"packages": digests, "tree": 1}, fill, label=path.stem[:60], stage=stage)
    return opened(str(path), entry)


def from_directory(path: Path) -> Kernel:
    """The kernel of a directory with an image and lib/modules/RELEASE, used in place."""
    images = [found for pattern in IMAGES for found in sorted(path.glob(pattern))]
    trees = sorted(found for found in (path / "lib/modules").glob("*") if found.is_dir())
    if not images:
        raise KernelUnknown(f"{path}: expected vmlinuz, bzImage or linux-image-*.deb in it; it has {contents(path)}")
    if len(trees) != 1:
        names = ", ".join(tree.name for tree in trees) or "none"
        raise KernelUnknown(f"{path}: expected one kernel's tree in lib/modules, there are: {names}")
    release = trees[0].name
    Modules(trees[0])  # raises now if depmod has not seen it
    named = [image for image in images if image.name.endswith(f"-{release}")]
    return Kernel(series_of(release), release, (named or images)[0], trees[0], str(path))


def image_release(path: Path) -> str:
    """The release that a bzImage carries in its header; see the kernel's Documentation/arch/x86/boot.rst."""
    with path.open("rb") as file:
        head = file.read(0x8200)
    if head[0x202:0x206] != b"HdrS":
        raise KernelUnknown(f"{path} is not a bzImage: no boot header; expected arch/x86/boot/bzImage of a build")
    offset = struct.unpack_from("<H", head, 0x20E)[0] + 0x200
    words = head[offset:].split(b"\0", 1)[0].decode("ascii", "replace").split()
    if not words or not re.match(r"\d+\.\d+", words[0]):
        raise KernelUnknown(f"{path}: its boot header names no release")
    return words[0]


def modules_image(kernel: Kernel, cache: Cache | None = None, *, stage: Stage = quietly) -> CacheEntry | None:
    """The modules tree as an ext4 image, `modules.ext4` in the entry; None for a kernel that has everything built in.

    The file system's root holds RELEASE, so it has to be mounted at /lib/modules.
    """
    if kernel.modules is None:
        return None
    tree = kernel.modules
    listed = sorted(f"{path.relative_to(tree)} {path.stat().st_size}" for path in tree.rglob("*") if path.is_file())
    digest = hashlib.sha256("\n".join(listed).encode() + (tree / "modules.dep").read_bytes()).hexdigest()

    def fill(directory: Path) -> dict[str, Any]:
        staged = directory / "staged"
        shutil.copytree(tree, staged / kernel.release, symlinks=True)
        ext4_image(staged, directory / "modules.ext4", "modules", spare=4 << 20)
        shutil.rmtree(staged)
        return {"release": kernel.release}

    made_from = {"release": kernel.release, "digest": digest, "image": 1}
    return (cache or Cache()).entry("modules-image", made_from, fill, label=kernel.release, stage=stage)
