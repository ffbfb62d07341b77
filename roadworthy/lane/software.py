"""Real software for checks: programs of Debian packages, with all that they need, on the lane's volume.

The packages are fetched once and not installed. Volumes bypass the storage driver, so a faulty driver cannot break the
programs; the files that they work on lie in image layers. A container's /usr is a symbolic link to the directory of the
programs, so that they find their files, their loader and each other at the usual paths.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadworthy.calls.inside import SOFTWARE
from roadworthy.engines.containers import Container
from roadworthy.programs import ProgramFailed, run
from roadworthy.reasons import Precondition
from roadworthy.stage import Stage, quietly
from roadworthy.supplies.apt import AptFailed, apt
from roadworthy.supplies.cache import Cache, CacheEntry

SUITE = "bookworm"
#: The programs that checks run, each with its package. Their libraries are verified when the tree is made.
PROGRAMS = {
    "usr/bin/env": "coreutils", "usr/bin/find": "findutils", "usr/bin/sed": "sed", "usr/bin/tar": "tar",
    "usr/bin/gzip": "gzip", "usr/bin/grep": "grep", "usr/bin/sh": "dash", "usr/bin/mount": "mount",
    "usr/bin/bash": "bash", "usr/bin/diff": "diffutils",
    "usr/bin/git": "git", "usr/bin/rsync": "rsync", "usr/bin/sqlite3": "sqlite3", "usr/bin/rpm": "rpm",
    "usr/bin/rpmbuild": "rpm", "usr/bin/rpmdb": "rpm", "usr/bin/dpkg": "dpkg", "usr/bin/apt-get": "apt",
    "usr/sbin/setcap": "libcap2-bin", "usr/sbin/getcap": "libcap2-bin", "usr/sbin/logrotate": "logrotate",
    "usr/bin/lsof": "lsof", "usr/sbin/ldconfig": "libc-bin", "usr/bin/python3.11": "python3.11-minimal",
    "usr/lib/postgresql/15/bin/postgres": "postgresql-15", "usr/lib/postgresql/15/bin/psql": "postgresql-client-15",
    "usr/lib/postgresql/15/bin/initdb": "postgresql-15",
}  # fmt: skip
#: All further packages that these need. They are listed, because apt's dependencies would add Perl and a compiler.
LIBRARIES = """
    libc6 libgcc-s1 libstdc++6 libgomp1 libblkid1 libmount1 libuuid1 libsmartcols1 libcap2 libcap-ng0 libselinux1
    libpcre2-8-0 libacl1 libattr1 libgmp10 libcrypt1 libtinfo6 zlib1g libbz2-1.0 liblzma5 libzstd1 liblz4-1 libxxhash0
    libpopt0 libssl3 libmd0 libaudit1 libpam0g libsystemd0 libgcrypt20 libgpg-error0 libudev1 libgnutls30 libp11-kit0
    libidn2-0 libunistring2 libtasn1-6 libnettle8 libhogweed6 libffi8 libseccomp2 libsqlite3-0 libreadline8 rpm-common
    librpm9 librpmio9 librpmbuild9 librpmsign9 libarchive13 liblua5.3-0 libelf1 libdw1 libmagic1 libmagic-mgc
    libdbus-1-3 libfsverity0 libapt-pkg6.0 libtirpc3 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0
    libcom-err2 libkeyutils1 libldap-2.5-0 libsasl2-2 libxml2 libicu72 libpq5 libpython3.11-minimal
    libpython3.11-stdlib libexpat1 python3-pip-whl
"""
#: Paths that no program reads here; half of the whole tree.
LEFT_OUT = (
    *(f"usr/share/{name}" for name in ("doc", "man", "info", "locale", "lintian", "bash-completion", "zoneinfo")),
    "usr/lib/postgresql/15/lib/bitcode", "usr/lib/file", "etc", "var",
)  # fmt: skip
MERGED = ("bin", "sbin", "lib", "lib64")


class Software:
    """The programs of one lane, on its volume once the object is made."""

    def __init__(self, container: Container, archive: Path) -> None:
        """Unpack the programs onto the volume that `container` shares with every container of its lane."""
        with archive.open("rb") as file:
            container.handle.put_archive(str(Path(SOFTWARE).parent), file)

    def __repr__(self) -> str:
        return f"<programs of Debian {SUITE}>"

    def command(self, program: str, *arguments: str) -> list[str]:
        """The argument list that runs a program inside a container, with a small environment of fixed values."""
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin"
        return ["/usr/bin/env", "-i", path, "HOME=/tmp", "LC_ALL=C.UTF-8", program, *arguments]


def software(container: Container, accept_expired: bool = False, stage: Stage = quietly) -> Software:
    """Return the software, fetched if the cache lacks it. Raises Precondition if it cannot be fetched."""
    try:
        found = archive(Cache(), accept_expired, stage)
    except (AptFailed, ProgramFailed) as reason:
        raise Precondition(f"needs programs of Debian's {SUITE}, which cannot be fetched: {reason}") from None
    return Software(container, found.path / "software.tar.gz")


def archive(cache: Cache, accept_expired: bool = False, stage: Stage = quietly) -> CacheEntry:
    """Return the cache's entry with the archive. Raises AptFailed, ProgramFailed."""
    packages = sorted({*PROGRAMS.values(), *LIBRARIES.split()})

    def fill(directory: Path) -> Mapping[str, Any]:
        with apt(SUITE, accept_expired=accept_expired, within=directory) as client:
            fetched = client.download_all(packages, directory / "packages")
        tree = directory / "software"
        tree.mkdir()
        for package in fetched:
            run(["dpkg-deb", "--extract", package, tree])
        merge(tree)
        for name in LEFT_OUT:
            shutil.rmtree(tree / name, ignore_errors=True)
        confirm(tree)
        with tarfile.open(directory / "software.tar.gz", "w:gz", compresslevel=4) as tar:
            tar.add(tree, "software")
        shutil.rmtree(tree)
        shutil.rmtree(directory / "packages")
        return {"packages": sorted(package.name for package in fetched)}

    recipe = {"packages": packages, "programs": sorted(PROGRAMS), "left out": LEFT_OUT, "suite": SUITE, "software": 1}
    return cache.entry("software", recipe, fill, label=SUITE, stage=stage)


def merge(tree: Path) -> None:
    """Move the tree's /bin, /sbin, /lib and /lib64 below /usr, as Debian's usrmerge does."""
    for name in MERGED:
        if (tree / name).is_dir():
            run(["cp", "-a", f"{tree / name}/.", tree / "usr" / name])
            shutil.rmtree(tree / name)


def confirm(tree: Path) -> None:
    """Raise ProgramFailed if a program lacks one of its libraries, as the list of packages can become outdated."""
    libraries = next((tree / "usr/lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux*"))
    for program in sorted(PROGRAMS):
        listed = run([loader, "--library-path", libraries, "--list", tree / program])
        # The loader looks into this host's directories, too, and says "not found" where they lack it as well.
        foreign = [line.strip() for line in listed.splitlines() if "=>" in line and str(tree) not in line]
        if foreign:
            raise ProgramFailed(f"{program} needs a library of a package that LIBRARIES lacks: {foreign[0]}")
