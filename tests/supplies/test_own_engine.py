"""Engines by their path: what a directory or an archive holds, and what is said of one that cannot be used."""

import io
import json
import os
import platform
import struct
import tarfile
from pathlib import Path

import pytest

from roadworthy.engine_name import EngineName
from roadworthy.supplies.cache import Cache
from roadworthy.supplies.elf import elf
from roadworthy.supplies.laid_over import OwnRoot, lay, places
from roadworthy.supplies.own_engine import EngineUnknown, is_path, own_engine, program, within

DOCKER = {"dockerd": "Docker version 29.1.2, build 8", "containerd": "", "containerd-shim-runc-v2": "", "runc": ""}
PODMAN = {"podman": "podman version 5.8.1", "conmon": "", "crun": ""}
SHELL = ("sh", "mount", "umount", "losetup", "stat")


def script(path, said, status=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\nexit {status}\n")
    path.chmod(0o755)


@pytest.fixture
def made(tmp_path):
    """Make a directory of programs that say their version; `at` is their directory, `without` those to leave out."""

    def made(programs=DOCKER, at="engine", without=(), also=()):
        for name, said in {**programs, **dict.fromkeys(also, "")}.items():
            if name not in without:
                script(tmp_path / at / name, said)
        return tmp_path / at.partition("/")[0]

    return made


def header(machine, loader=b""):
    """The head of a 64-bit program of a processor, with a loader."""
    table = struct.pack("<IIQQQQQQ", 3, 4, 120, 0, 0, len(loader) + 1, 0, 0) if loader else b""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56,
                                                            bool(loader), 0, 0, 0)  # fmt: skip
    return head + table + loader + b"\0"


# --- what lies at a path


def test_a_directory_of_programs_is_an_engine_of_the_series_that_it_says(made):
    """As Docker publishes its static builds: the lane is called after kind and series."""
    found = own_engine(str(made()))
    assert (found.name, found.version, found.flat, found.root) == (EngineName("docker", "29.1"), "29.1.2", True, False)
    assert str(found.name) == "docker29.1"
    assert set(found.programs) == set(DOCKER)


def test_a_package_tree_has_its_programs_at_their_places(made):
    """And so has Podman's."""
    found = own_engine(str(made(PODMAN, "package/usr/bin")))
    assert (str(found.name), found.flat, found.root) == ("podman5.8", False, False)


def test_a_tree_with_a_shell_is_a_root(made):
    """It is used as it is, so that it has to bring what the suite calls in it."""
    tree = made(at="tree/usr/sbin", also=SHELL)
    (tree / "etc").mkdir()
    found = own_engine(str(tree))
    assert found.root
    found.refuse_incomplete(guest=False)
    with pytest.raises(EngineUnknown, match=r"without python3, modprobe, udevadm.*minimal, kmod, udev .*would bring"):
        found.refuse_incomplete(guest=True)


def test_a_root_of_busybox_is_told_what_to_bring(made):
    """Its programs have too few options."""
    tree = made(at="tree/bin", also=[*SHELL, "busybox"])
    (tree / "etc").mkdir()
    (tree / "bin/stat").unlink()
    (tree / "bin/stat").symlink_to("/bin/busybox")
    with pytest.raises(EngineUnknown, match=r"root file system without stat .*coreutils would bring"):
        own_engine(str(tree)).refuse_incomplete(guest=False)


def test_a_name_of_ones_own_stands_in_the_id(made):
    """Two engines of one series are two columns by it."""
    path = made()
    assert str(own_engine(f"vendor={path}").name) == "vendor"
    assert own_engine(f"vendor={path}").name.version == (29, 1)
    assert str(own_engine(f"docker29.1={path}").name) == "docker29.1"


def test_links_lead_to_places_of_the_tree(tmp_path):
    """An absolute link of a tree means a file of the tree, and one that leads on and on means none."""
    for place in ("usr/bin", "etc/alternatives", "opt"):
        (tmp_path / place).mkdir(parents=True)
    script(tmp_path / "opt/runc-real", "")
    (tmp_path / "usr/bin/runc").symlink_to("/etc/alternatives/runc")
    (tmp_path / "etc/alternatives/runc").symlink_to("../../../../opt/runc-real")
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/bin/again").symlink_to("again")
    assert program(tmp_path, "runc") == within(tmp_path, "/bin/runc") == tmp_path / "opt/runc-real"
    assert within(tmp_path, "usr/bin/again") is None
    assert program(tmp_path, "sh") is None


@pytest.mark.parametrize("word", ["/opt/engine", "./engine", "docker29.1=/opt/engine"])
def test_a_path_is_told_from_a_name(word):
    assert is_path(word)
    assert not is_path("docker-28.5")


# --- archives


def packed(path, top, tree):
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tree, arcname=top)
    return path


def test_an_archive_of_programs_is_unpacked_once(made, tmp_path):
    """As it is downloaded: one directory in it, compressed."""
    archive = packed(tmp_path / "docker-29.1.2.tgz", "docker", made())
    found = own_engine(str(archive), Cache(tmp_path / "cache"))
    assert str(found.name) == "docker29.1"
    assert found.path == archive
    assert found.tree.is_relative_to(tmp_path / "cache")
    assert len(Cache(tmp_path / "cache").entries("engine-archive")) == 1
    again = own_engine(str(archive), Cache(tmp_path / "cache"))
    assert again.tree == found.tree


def test_an_archive_may_begin_with_its_top(made, tmp_path):
    """As `tar -C DIR -c .` writes it."""
    archive = packed(tmp_path / "root.tgz", ".", made())
    assert str(own_engine(str(archive), Cache(tmp_path / "cache")).name) == "docker29.1"


def layer(files):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            if content.startswith(b"-> "):
                member.type, member.linkname, member.size = tarfile.SYMTYPE, content[3:].decode(), 0
            tar.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return written.getvalue()


def image(path, *layers, count=1):
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Layers": names}] * count).encode()
    path.write_bytes(layer({"manifest.json": manifest, **dict(zip(names, layers, strict=True))}))
    return path


def engine_files(at="usr/bin"):
    return {f"{at}/{name}": f"#!/bin/sh\necho '{said}'\n".encode() for name, said in DOCKER.items()}


def test_an_image_archive_is_the_tree_of_its_layers(tmp_path):
    """What an upper layer removes is gone, and an opaque directory has nothing of the layers below."""
    below = {**engine_files(), "usr/bin/runc-old": b"x", "opt/a/b": b"x", "etc/x": b"x"}
    above = {"usr/bin/.wh.runc-old": b"", "opt/a/.wh..wh..opq": b"", "opt/a/c": b"y"}
    found = own_engine(str(image(tmp_path / "engine.tar", layer(below), layer(above))), Cache(tmp_path / "cache"))
    left = {str(path.relative_to(found.tree)) for path in found.tree.rglob("*") if path.is_file()}
    assert left == {*engine_files(), "opt/a/c", "etc/x"}
    assert not (found.tree.parent / "image").exists()


def test_an_oci_layout_is_read_by_its_digests(tmp_path):
    """Of an index, the image for this processor."""
    blobs = {"l": layer(engine_files()), "m": json.dumps({"layers": [{"digest": "sha256:l"}]}).encode()}
    mine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    blobs["i"] = json.dumps({"manifests": [
        {"digest": "sha256:other", "platform": {"architecture": "mips"}},
        {"digest": "sha256:m", "platform": {"architecture": mine}},
    ]}).encode()  # fmt: skip
    files = {"index.json": json.dumps({"manifests": [{"digest": "sha256:i"}]}).encode(), "oci-layout": b"{}"}
    archive = tmp_path / "oci.tar"
    archive.write_bytes(layer({**files, **{f"blobs/sha256/{name}": data for name, data in blobs.items()}}))
    assert str(own_engine(str(archive), Cache(tmp_path / "cache")).name) == "docker29.1"


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: path.write_bytes(b"no archive"), "cannot be unpacked"),
        (lambda path: image(path, layer({}), count=2), "holds 2 images; save the engine's alone"),
        (lambda path: image(path, layer({"x": b"-> /"}), layer({"x/etc/y": b"z"})), "leads out of the tree"),
        (lambda path: path.write_bytes(layer({"manifest.json": b"[{"})), r"manifest\.json cannot be read"),
    ],
)
def test_an_archive_that_cannot_be_used_says_why(tmp_path, write, said):
    """And nothing of it stays in the cache."""
    archive = tmp_path / "engine.tar"
    write(archive)
    cache = Cache(tmp_path / "cache")
    with pytest.raises(EngineUnknown, match=said):
        own_engine(str(archive), cache)
    assert cache.entries() == []
    assert not Path("/etc/y").exists()


# --- what cannot be used


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: (path / "dockerd").unlink(), r"holds no engine: expected dockerd or podman in it.*it has"),
        (lambda path: (path / "runc").unlink(), r"lacks runc: Docker's static builds have all of them; else runc"),
        (lambda path: (path / "runc").write_bytes(header(8)), "runc is a program for the processor 8 of ELF, and this"),
        (lambda path: (path / "runc").chmod(0o644), r"runc is not executable: chmod \+x"),
        (lambda path: script(path / "dockerd", "Docker version 1.12.6, build 78"), "needs API 1.29 and dock"),
        (lambda path: script(path / "dockerd", "Docker"), "--version names no version: Docker"),
        (lambda path: script(path / "dockerd", "FATAL: kernel too old", 1), "does not start on this kernel and host"),
    ],
)
def test_what_lacks_is_named(made, change, said):
    """Each with what would help."""
    path = made()
    change(path)
    with pytest.raises(EngineUnknown, match=said):
        own_engine(str(path))


def test_a_podman_before_its_service_is_too_old(made):
    with pytest.raises(EngineUnknown, match=r"podman 1\.9\.3, which is too old to ask: the suite needs API 1\.40"):
        own_engine(str(made({**PODMAN, "podman": "podman version 1.9.3"})))


def test_a_path_that_does_not_exist_has_its_nearest(made):
    made()
    with pytest.raises(EngineUnknown, match=r"engin does not exist; the nearest is .*/engine$"):
        own_engine(str(made().parent / "engin"))


@pytest.mark.parametrize(("word", "said"), [("a b=/x", "letters"), ("/", "this host"), ("/dev/null", "neither")])
def test_words_that_are_no_engine(word, said):
    with pytest.raises(EngineUnknown, match=said):
        own_engine(word)


@pytest.mark.parametrize("label", ["docker28.5", "podman29.1", "docker29.10"])
def test_a_name_that_says_another_series_is_refused(made, label):
    """A column that is called docker28.5 has to be that."""
    with pytest.raises(EngineUnknown, match=rf"is docker 29\.1\.2, and was named {label}"):
        own_engine(f"{label}={made()}")


def test_a_series_by_its_name_is_enough_where_libraries_come_later(made):
    """Programs of another system may need libraries that only the tools have; then the name says what they are."""
    path = made()
    script(path / "dockerd", "error while loading shared libraries: libx.so", 127)
    found = own_engine(f"docker29.1={path}")
    assert (found.version, found.name.version) == ("", (29, 1))
    with pytest.raises(EngineUnknown, match=r"libx.*name its series, as in docker28\.5="):
        own_engine(f"vendor={path}")


# --- programs and their headers


def test_the_header_names_processor_and_loader(tmp_path):
    """A script has none."""
    (tmp_path / "a").write_bytes(header(183, b"/lib/ld-linux-aarch64.so.1"))
    (tmp_path / "s").write_bytes(header(62))
    script(tmp_path / "t", "")
    found = elf(tmp_path / "a")
    assert (found.machine, found.loader) == ("aarch64", "/lib/ld-linux-aarch64.so.1")
    assert found.runs_here == (platform.machine() == "aarch64")
    assert elf(tmp_path / "s").loader == ""
    assert elf(tmp_path / "t") is None


def test_the_header_of_a_program_of_this_host_fits():
    assert elf(Path("/bin/sh").resolve()).runs_here


# --- what is laid where


def test_programs_and_libraries_of_a_directory_have_their_places(made):
    path = made()
    (path / "lib").mkdir()
    (path / "lib/libx.so.1").touch()
    (path / "README").touch()
    laid = dict(places(own_engine(str(path))))
    assert set(laid) == {*(f"usr/local/bin/{name}" for name in DOCKER), "usr/local/lib/libx.so.1"}


def test_podmans_helpers_go_where_it_looks_for_them(made):
    """They are no programs of PATH."""
    laid = dict(places(own_engine(str(made(PODMAN, also=["netavark"])))))
    assert "usr/local/libexec/podman/netavark" in laid
    assert "usr/local/bin/podman" in laid


def test_a_library_that_the_tools_have_stays_theirs(tmp_path):
    """Every other program of the root calls it; a program is replaced, and links of the tree are followed."""
    tree, brought = tmp_path / "tree", tmp_path / "brought"
    (tree / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    (tree / "usr/sbin").mkdir()
    (tree / "sbin").symlink_to("usr/sbin")
    for name in ("usr/lib/x86_64-linux-gnu/libc.so.6", "usr/sbin/runc"):
        (tree / name).write_text("theirs")
    brought.write_text("ours")
    for place in ("lib/libc.so.6", "lib/libnew.so.1", "sbin/runc"):
        lay(brought, tree, place)
    assert (tree / "usr/lib/x86_64-linux-gnu/libc.so.6").read_text() == "theirs"
    assert (tree / "usr/sbin/runc").read_text() == (tree / "lib/libnew.so.1").read_text() == "ours"


def test_a_root_that_changes_is_another_one(made):
    """An image of it is made again then."""
    tree = made(at="tree/usr/sbin", also=SHELL)
    (tree / "etc").mkdir()
    before = OwnRoot(own_engine(str(tree))).recipe
    assert OwnRoot(own_engine(str(tree))).recipe == before
    script(tree / "usr/sbin/runc", "another")
    os.utime(tree / "usr/sbin/runc", (1, 1))
    assert OwnRoot(own_engine(str(tree))).recipe != before
