"""The initramfs: an archive that another reader understands, holding what its script calls."""

import gzip
import lzma
import re
import stat
import subprocess

import pytest

from roadworthy.guests.cpio import Archive
from roadworthy.guests.initramfs import APPLETS, MODULES, NotStatic, Plan, initramfs, script, unpacked
from roadworthy.supplies.kernels import Kernel
from roadworthy.supplies.modules import ModuleLacking


def read_back(archive):
    """Path -> (mode, data, device), by the letter of the format's description."""
    found = {}
    at = 0
    while True:
        header = archive[at : at + 110]
        assert header[:6] == b"070701"
        _ino, mode, uid, gid, _nlink, mtime, size, _maj, _min, rmajor, rminor, length, _check = (
            int(header[6 + 8 * number : 14 + 8 * number], 16) for number in range(13)
        )
        assert uid == gid == mtime == 0
        name = archive[at + 110 : at + 110 + length]
        assert name[-1:] == b"\0"
        at = (at + 110 + length + 3) & ~3
        if name == b"TRAILER!!!\0":
            assert not archive[at:].strip(b"\0")
            return found
        found[name[:-1].decode()] = (mode, archive[at : at + size], (rmajor, rminor))
        at = (at + size + 3) & ~3


def elf(interpreter=False):
    """A 64-bit ELF header with one program header."""
    head = bytearray(64 + 56)
    head[:5] = b"\x7fELF\x02"
    head[32] = 64
    head[54], head[56] = 56, 1
    head[64] = 3 if interpreter else 1
    return bytes(head)


@pytest.fixture
def busybox(tmp_path):
    (tmp_path / "busybox").write_bytes(elf())
    return tmp_path / "busybox"


@pytest.fixture
def modular(tmp_path):
    tree = tmp_path / "lib/modules/6.1.0"
    (tree / "kernel").mkdir(parents=True)
    (tree / "kernel/virtio.ko").write_bytes(b"VIRTIO")
    (tree / "kernel/virtio-blk.ko.xz").write_bytes(lzma.compress(b"BLOCK"))
    (tree / "modules.dep").write_text("kernel/virtio.ko:\nkernel/virtio-blk.ko.xz: kernel/virtio.ko\n")
    (tree / "modules.builtin").write_text("kernel/ext4.ko\n")
    return Kernel("6.1", "6.1.0", tmp_path / "vmlinuz", tree, "test")


@pytest.fixture
def whole(tmp_path):
    return Kernel("5.10", "5.10.1", tmp_path / "bzImage", None, "test")


def test_an_archive_reads_back():
    archive = Archive()
    archive.file("a/b/c", b"text", 0o640)
    archive.symlink("a/link", "b/c")
    archive.directory("empty", 0o700)
    archive.character_device("dev/console", 5, 1)
    found = read_back(archive.bytes())
    assert list(found) == ["a", "a/b", "a/b/c", "a/link", "empty", "dev", "dev/console"]
    assert found["a/b/c"] == (stat.S_IFREG | 0o640, b"text", (0, 0))
    assert found["a/link"] == (stat.S_IFLNK | 0o777, b"b/c", (0, 0))
    assert found["empty"][0] == stat.S_IFDIR | 0o700
    assert found["dev/console"] == (stat.S_IFCHR | 0o600, b"", (5, 1))


def test_an_archive_is_padded_so_that_another_may_follow():
    archive = Archive()
    archive.file("x", b"12345")
    assert len(archive.bytes()) % 512 == 0


def test_equal_contents_are_equal_bytes(busybox, modular):
    plan = Plan(init="/init", files={"/b": b"2", "/a": b"1"})
    again = Plan(init="/init", files={"/a": b"1", "/b": b"2"})
    modules = ["virtio_blk"]
    assert initramfs(modular, busybox, plan, modules) == initramfs(modular, busybox, again, modules)


def test_modules_lie_unpacked_and_load_in_order(busybox, modular):
    found = read_back(initramfs(modular, busybox, Plan(init="/init"), ["virtio_blk", "ext4"]))
    assert found["modules/virtio.ko"][1] == b"VIRTIO"
    assert found["modules/virtio-blk.ko"][1] == b"BLOCK"
    assert not any("ext4" in path for path in found)
    loaded = re.findall(r"^insmod /modules/(\S+) ", found["init"][1].decode(), re.MULTILINE)
    assert loaded == ["virtio.ko", "virtio-blk.ko"]


def test_a_kernel_that_lacks_a_module_is_refused(busybox, modular):
    with pytest.raises(ModuleLacking, match="has no module overlay"):
        initramfs(modular, busybox, Plan(init="/init"), (*MODULES[1:2], "overlay"))


def test_a_kernel_with_everything_built_in_gets_no_modules(busybox, whole):
    found = read_back(initramfs(whole, busybox, Plan(init="/init")))
    assert not any(path.startswith("modules") for path in found)
    assert "insmod" not in found["init"][1].decode()


def test_files_travel_along(busybox, whole):
    plan = Plan(init="/opt/init", files={"/opt/init": b"#!/bin/sh\n"})
    found = read_back(initramfs(whole, busybox, plan))
    assert found["payload/opt/init"] == (stat.S_IFREG | 0o755, b"#!/bin/sh\n", (0, 0))
    assert "cp -a /payload/. /newroot/" in found["init"][1].decode()


def test_a_compressed_one_is_the_same(busybox, whole):
    plan = Plan(init="/init")
    assert gzip.decompress(initramfs(whole, busybox, plan, compressed=True)) == initramfs(whole, busybox, plan)


def test_modules_of_every_compression(tmp_path):
    (tmp_path / "a.ko").write_bytes(b"module")
    (tmp_path / "a.ko.xz").write_bytes(lzma.compress(b"module"))
    (tmp_path / "a.ko.gz").write_bytes(gzip.compress(b"module"))
    assert {unpacked(tmp_path / f"a.ko{suffix}") for suffix in ("", ".xz", ".gz")} == {b"module"}


def test_modules_get_their_parameters_from_the_command_line(whole):
    """insmod is given what stands on the kernel's command line for its module, whose name has no dashes there."""
    text = script(Plan(init="/sbin/init"), ["virtio-blk.ko", "overlay.ko"])
    assert "insmod /modules/overlay.ko $(parameters overlay) || stop" in text
    assert "insmod /modules/virtio-blk.ko $(parameters virtio_blk) || stop" in text
    function = text[text.index("parameters()") :].partition("\n}\n")[0].replace("/proc/cmdline", "cmdline")
    words = "echo 'quiet overlay.metacopy=on overlays.x=1 overlay.index=off btrfs.y=2' >cmdline"
    done = subprocess.run(
        ["sh", "-c", f"cd \"$0\"; {words}\n{function}\n}}\nparameters overlay", whole.image.parent],
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["metacopy=on", "index=off"]


def test_every_program_that_the_script_calls_is_there(busybox, whole):
    shell = {
        "[",
        "exec",
        "return",
        "continue",
        "while",
        "for",
        "do",
        "done",
        "stop",
        "stop()",
        "find_disk",
        "find_disk()",
        "parameters",
        "parameters()",
        "case",
    }
    text = script(Plan(init="/sbin/init", modules="modules", files={"/x": b""}), ["a.ko"])
    words = set(re.findall(r"(?:^|&&|\|\||;|\$\(|\{|\bexec)\s*([a-z_\[]+(?:\(\))?)(?=\s)", text, re.MULTILINE))
    assert words - shell <= set(APPLETS)
    assert {"mount", "insmod", "cat", "mkdir", "usleep"} <= words
    found = read_back(initramfs(whole, busybox, Plan(init="/sbin/init")))
    assert all(found[f"bin/{applet}"][1] == b"busybox" for applet in APPLETS)


@pytest.mark.parametrize("writable", ["overlay", "disk"])
@pytest.mark.parametrize("modules", ["", "modules"])
def test_the_script_is_a_shell_script(writable, modules):
    text = script(Plan(init="/sbin/init", writable=writable, modules=modules), ["a.ko", "b.ko"])
    done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("lowerdir=/disk" in text) == (writable == "overlay")
    assert ("/newroot/lib/modules" in text) == bool(modules)


@pytest.mark.parametrize("serial", ["has space", "quote'", "x" * 21])
def test_a_serial_number_that_the_script_could_misread_is_refused(serial):
    with pytest.raises(ValueError, match="disk serial"):
        Plan(init="/init", root=serial)


def test_an_init_that_the_script_could_misread_is_refused():
    with pytest.raises(ValueError, match="expected an absolute path"):
        Plan(init="init; poweroff")


@pytest.mark.parametrize(
    ("data", "said"), [(elf(interpreter=True), "needs a dynamic loader"), (b"#!/bin/sh", "is not a")]
)
def test_a_busybox_that_needs_libraries_is_refused(tmp_path, whole, data, said):
    (tmp_path / "busybox").write_bytes(data)
    with pytest.raises(NotStatic, match=said):
        initramfs(whole, tmp_path / "busybox", Plan(init="/init"))
