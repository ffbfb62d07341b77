"""Engines by their path, for real: programs over the suite's tools, a root where it lies, and what does not start."""

import os
import re
import shutil

import pytest

from roadworthy.programs import run
from roadworthy.supplies.engine_roots import engine_root
from roadworthy.supplies.laid_over import own_root
from roadworthy.supplies.own_engine import EngineUnknown, own_engine
from roadworthy.supplies.packages import needs

pytestmark = [
    pytest.mark.real,
    pytest.mark.builds,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: making a root file system takes it"),
    pytest.mark.skipif(not shutil.which("mmdebstrap"), reason=needs("mmdebstrap")),
]
PROGRAMS = ("usr/sbin/dockerd", "usr/sbin/runc", "usr/bin/containerd", "usr/bin/containerd-shim-runc-v2")
ASKED = '''
@check("a/b", source="promise 1")
@lower({"file": b"below"})
def test_a(fs):
    """A file of the image can be written."""
    fs.store("file", b"above")
    assert fs.load("file") == b"above"
'''


@pytest.fixture
def programs(tmp_path):
    """The programs of Debian 12's engine root in one directory, with the libraries that their loader finds there."""
    tree = engine_root("docker-20.10").tree
    made = tmp_path / "engine"
    (made / "lib").mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy2((tree / name).resolve(), made)
        for line in run(["chroot", tree, "ldd", f"/{name}"]).splitlines():
            if "=> /" in line:
                library = line.split()[2].lstrip("/")
                shutil.copy2((tree / library).resolve(), made / "lib" / line.split()[0])
    return made


def test_programs_run_over_the_tools(programs):
    """With the tools' own libc, whatever the directory brought; the tools have no engine."""
    root = own_root(own_engine(str(programs)))
    assert "Docker version 20.10." in run(["chroot", root.tree, "dockerd", "--version"])
    assert (root.tree / "usr/local/bin/dockerd").is_file()
    assert not (root.tree / "usr/sbin/dockerd").exists()
    assert run(["chroot", root.tree, "mkfs.ext4", "-V"]) == ""
    assert own_root(own_engine(str(programs))).tree == root.tree


def test_a_library_that_is_nowhere_is_named(programs, tmp_path):
    """And for which program."""
    podman = tmp_path / "podman"
    podman.mkdir()
    tree = engine_root("podman-4.3").tree
    for name in ("usr/bin/podman", "usr/bin/conmon", "usr/sbin/runc"):
        shutil.copy2((tree / name).resolve(), podman)
    with pytest.raises(EngineUnknown, match=r"needs .*libgpgme\.so\.11 \(for podman\).*put the libraries into its lib"):
        own_root(own_engine(f"podman4.3={podman}"))


@pytest.mark.parametrize("form", ["programs", "root"])
def test_a_lane_runs_an_engine_at_a_path(start, programs, form):
    """Its version is a fact; no path of this machine is in the bundle."""
    path = programs if form == "programs" else engine_root("docker-20.10").tree
    done = start(ASKED, f"--engine=mine={path}")
    assert done.end(300) == 0, done.text()
    (plan,), (lane,) = ([one for one in done.records() if one["type"] == kind] for kind in ("plan", "lane"))
    assert set(done.verdicts().values()) == {"pass"}
    assert lane["facts"]["engine"]["version"].startswith("20.10.")
    assert lane["facts"]["kernel"]["engine root"] == "mine by its path"
    assert plan["lanes"][0]["words"][2] == "--engine=mine=PATH"
    assert str(path) not in str(done.records()[1:])


def test_an_engine_that_dies_at_its_start_says_its_last_words(start, programs):
    """Its checks have an error, and no other verdict."""
    (programs / "dockerd").write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Docker version 29.1.2, && exit\necho failed to be an engine; exit 7\n'
    )
    done = start(ASKED, f"--engine={programs}")
    assert done.end(300) == 1
    assert set(done.verdicts().values()) == {"error"}
    (reason,) = done.reasons().values()
    assert re.search(r"dockerd ended with 7: .*failed to be an engine", reason)


def test_podman_runs_from_a_directory_of_programs(start, tmp_path):
    """With its helpers and libraries beside it; where the tools have a library, the name says the series."""
    tree, made = engine_root("podman-5").tree, tmp_path / "podman"
    (made / "lib").mkdir(parents=True)
    for name in ("usr/bin/podman", "usr/bin/conmon", "usr/bin/crun", "usr/lib/podman/netavark"):
        shutil.copy2((tree / name).resolve(), made)
        for line in run(["chroot", tree, "ldd", f"/{name}"]).splitlines():
            if "=> /" in line:
                shutil.copy2((tree / line.split()[2].lstrip("/")).resolve(), made / "lib" / line.split()[0])
    done = start(ASKED, f"--engine=podman5.4={made}", driver="podman:overlay")
    assert done.end(300) == 0, done.text()
    assert set(done.verdicts().values()) == {"pass"}
