"""`roadworthy verify-store` on private daemons: 100 planted damages are found, and sound stores raise none."""

import io
import json
import os
import random
import stat
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from private_daemon import private_daemon

from roadworthy.store.on_disk import opened
from roadworthy.trees.layers import (
    Device,
    Directory,
    Fifo,
    File,
    Hardlink,
    Opaque,
    Symlink,
    Whiteout,
    acl,
    entry,
    file_capability,
    layer_tar,
    write_archive,
)

pytestmark = pytest.mark.real

#: An ACL that agrees with the mode 0664: owner, user 1000, group, mask, others.
RULES = acl((1, 6, None), (2, 6, 1000), (4, 4, None), (16, 6, None), (32, 4, None))
KINDS = ("zeroed", "cut short", "missing", "wrong mode", "missing whiteout")
EACH = 20
SEED = 15
#: Entries that no damage is planted into, because others depend on them or their names need escaping.
SPARED = ("large", "\udcff\udcfe", "new\nline", "tree", "gone/000")


def sample(draw):
    """Three layers: files of all sizes in the first, and removals of them, one by one and by opaque directories."""
    first = {
        ".": Directory(mode=0o711, uid=5, gid=6),
        "files": Directory(),
        "gone": Directory(mode=0o1777),
        "kept": Directory(mode=0o2750),
    }
    for number in range(120):
        content = draw.randbytes(draw.choice([1, 100, 4096, 5000, 70_000]))
        mode = draw.choice([0o644, 0o600, 0o4755, 0o2711])
        first[f"files/{number:03d}"] = File(content=content, mode=mode, uid=number, gid=7)
        first[f"gone/{number:03d}"] = draw.randbytes(50)
    for number in range(12):
        first[f"hidden-{number}"] = Directory()
        first[f"hidden-{number}/below"] = b"of the first layer"
    first |= {
        "large": draw.randbytes(3 << 20), "zeroes": bytes(10_000), "empty": b"", "link": Hardlink(target="large"),
        "points": Symlink(target="/etc/nothing"), "fifo": Fifo(), "device": Device(major=1, minor=3, mode=0o666),
        "capable": File(content=b"c", xattrs={"security.capability": file_capability(1 << 10)}),
        "attributed": File(content=b"a", xattrs={"user.some": b"\0\xff=\n", "trusted.some": b"1"}),
        "ruled": File(content=b"a", mode=0o664, xattrs={"system.posix_acl_access": RULES}),
        "made/by/nobody": b"implied parents",
        "\udcff\udcfe": b"a name that is not UTF-8", "new\nline": b"a name of two lines", "tree": Directory(),
        "tree/a": b"1", "tree/b": Directory(), "tree/b/c": b"1", "turns": b"a file", "becomes": Directory(),
        "becomes/x": b"1", "n" * 200: b"a long name",
    }  # fmt: skip
    second = {f"gone/{number:03d}": Whiteout() for number in range(60)}
    second |= {f"hidden-{number}": Opaque() for number in range(6)}
    second |= {f"hidden-{number}/above": draw.randbytes(9000) for number in range(12)}
    second |= {f"second-{number}": draw.randbytes(3000) for number in range(30)}
    second |= {
        ".": Directory(mode=0o750, uid=7, gid=6),
        "tree": Whiteout(),
        "turns": Directory(),
        "turns/y": b"1",
        "becomes": b"a file",
        "kept": Directory(),
    }
    third = {f"gone/{number:03d}": Whiteout() for number in range(60, 110)}
    third |= {f"hidden-{number}": Opaque() for number in range(6, 12)}
    third |= {f"third-{number}": draw.randbytes(3000) for number in range(30)}
    third |= {"gone/000": b"back again", "second-0": Whiteout()}
    return [{path: entry(value) for path, value in tree.items()} for tree in (first, second, third)]


@contextmanager
def running(driver, root=""):
    """A private daemon with the sample as its image; the test is skipped if this host lacks what the lane needs."""
    trees = sample(random.Random(SEED))
    with private_daemon(driver, root) as engine:
        archive = io.BytesIO()
        write_archive(archive, "sample:1", [layer_tar(tree) for tree in trees])
        engine.client.images.load(archive.getvalue())
        host = f"unix://{engine.socket}"
        yield SimpleNamespace(engine=engine, trees=trees, host=host, archive=archive.getvalue())


def verify(host, *options, environment=None):
    """Run the command as a user does."""
    words = [sys.executable, "-m", "roadworthy.command.cli", "verify-store", "--host", host, *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, env=environment)


def found_by(host):
    """The exit status, and what was found in each layer: path and kind by the layer's directory."""
    done = verify(host, "--json")
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    layers = {layer["directory"]: {(one["path"], one["kind"]) for one in layer["damages"]} for layer in said["layers"]}
    assert all(not layer["reason"] for layer in said["layers"])
    return done.returncode, layers, said


def store_of(running, said):
    """The directory below which the layers' directories are, as this host reaches it."""
    return str(running.engine.place.path(said["data_root"]))


def planted(top, layers, trees, whole, draw):
    """Damage the layers, EACH times in every way; what was done: directory, path, kind."""
    entries = [(depth, path, value) for depth, tree in enumerate(trees) for path, value in tree.items()]
    entries = [one for one in entries if one[1] not in SPARED]
    files = [one for one in entries if isinstance(one[2], File) and one[2].content.strip(b"\0")]
    removals = [one for one in entries if isinstance(one[2], Whiteout | Opaque)]
    draw.shuffle(files)
    draw.shuffle(removals)
    done = []
    for kind in KINDS:
        for _ in range(EACH):
            depth, path, value = (removals if kind == "missing whiteout" else files).pop()
            if whole and path.startswith("files/"):
                depth = draw.randrange(depth, len(trees))  # a driver's copy of what came from below
            damage(kind, f"{top}/{layers[depth]}/{path}", whole)
            shown = whole and isinstance(value, Opaque)  # what was hidden is named, not the directory
            done.append((layers[depth], f"{path}/below" if shown else path, kind))
    return done


def damage(kind, place, whole):
    """Damage one entry of a layer as a power cut may."""
    if kind == "zeroed":
        size = os.stat(place).st_size
        with open(place, "r+b") as file:
            file.write(bytes(size))
    elif kind == "cut short":
        os.truncate(place, os.stat(place).st_size // 2)
    elif kind == "missing":
        os.unlink(place)
    elif kind == "wrong mode":
        os.chmod(place, stat.S_IMODE(os.stat(place).st_mode) ^ 0o111)
    elif whole:  # what was removed is still there
        with open(f"{place}/below" if os.path.isdir(place) else place, "wb") as file:
            file.write(b"of a layer below")
    else:
        forget(place)


def forget(place):
    """Remove the mark of a removal: a device or, in fuse-overlayfs's layers, a file whose name says it."""
    directory, name = os.path.split(place)
    by_name = f"{place}/.wh..wh..opq" if os.path.isdir(place) else f"{directory}/.wh.{name}"
    if os.path.lexists(by_name):
        os.unlink(by_name)
    elif os.path.isdir(place):
        os.removexattr(place, "trusted.overlay.opaque")
    else:
        os.unlink(place)


def listing(top):
    """Every inode below a directory with all that stat(2) says of it; looks without touching an access time."""
    found = {}
    waiting = [top]
    while waiting:
        directory = waiting.pop()
        with opened(directory, flags=os.O_DIRECTORY) as descriptor, os.scandir(descriptor) as names:
            for name in [entry.name for entry in names]:
                path = f"{directory}/{name}"
                status = os.lstat(path)
                found[path] = (*status[:7], status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(path)
    return found


def read_long_ago(top):
    """Give everything an access time so old that the kernel renews it at the next look, see mount(8), relatime."""
    for path in listing(top):
        os.utime(path, ns=(10**9, os.lstat(path).st_mtime_ns), follow_symlinks=False)


def told(engine):
    """What the daemon says of itself, without what changes from one question to the next."""
    return {key: value for key, value in engine.info().items() if key not in ("SystemTime", "NFd", "NGoroutines")}


@pytest.mark.parametrize(
    ("driver", "root"),
    [
        ("overlay2", ""), ("vfs", ""), ("btrfs", ""), ("fuse-overlayfs", ""),
        pytest.param("containerd:overlayfs", "docker-28.5", marks=pytest.mark.builds),
        pytest.param("containerd:native", "docker-28.5", marks=pytest.mark.builds),
        pytest.param("overlay2", "docker-28.5", marks=pytest.mark.builds),
    ],
)  # fmt: skip
def test_every_planted_damage_is_found_and_nothing_else(driver, root):
    """A sound store raises nothing and stays as it is; each of 100 damages is named; a new image is sound again."""
    with running(driver, root) as lane:
        code, found, said = found_by(lane.host)
        assert (code, said["verdict"], len(found)) == (0, "whole", 3)
        assert not any(found.values())

        top = store_of(lane, said)
        read_long_ago(top)
        lane.engine.client.api.images(all=True)  # for this the daemon reads records of its own, as for the next line
        words = told(lane.engine)
        before = listing(top)
        code, found, said = found_by(lane.host)
        assert code == 0
        assert listing(top) == before
        assert told(lane.engine) == words

        chain = said["images"][0]["layers"]
        place = {layer["chain_id"]: layer["directory"] for layer in said["layers"]}
        whole = driver in ("vfs", "btrfs", "containerd:native")
        layers = [place[one] for one in chain]
        wrong = planted(top, layers, lane.trees, whole, random.Random(SEED))
        code, found, said = found_by(lane.host)
        assert (code, said["verdict"]) == (1, "damaged")
        assert len(wrong) == EACH * len(KINDS) == 100
        assert {(layer, *damage) for layer, damages in found.items() for damage in damages} == set(wrong)
        text = verify(lane.host).stdout
        assert all(f"/{path}: {kind}: " in text for _, path, kind in wrong)

        lane.engine.client.images.load(lane.archive)
        assert found_by(lane.host)[:2] == (1, found)  # the engine takes the layers that it has
        lane.engine.client.images.remove("sample:1")
        lane.engine.client.images.load(lane.archive)
        assert found_by(lane.host)[0] == 0


def test_the_daemons_own_records_are_compared_too():
    """A record that is empty, cut short or of something else is named with its file."""
    with running("overlay2") as lane:
        _, _, said = found_by(lane.host)
        lowest, middle, highest = said["images"][0]["layers"]
        image = f"{store_of(lane, said)}/image/overlay2"
        records = [f"{image}/layerdb/{chain.replace(':', '/')}" for chain in (lowest, middle, highest)]
        split = f"{records[0]}/tar-split.json.gz"
        os.truncate(split, os.stat(split).st_size // 2)
        with open(f"{records[1]}/cache-id", "w"):
            pass
        with open(f"{records[2]}/diff", "w") as file:
            file.write(lowest)
        done = verify(lane.host, "--json")
        assert done.returncode == 1
        damages = [one for layer in json.loads(done.stdout)["layers"] for one in layer["damages"]]
        assert {one["kind"] for one in damages} == {"record"}
        short = [chain.removeprefix("sha256:") for chain in (lowest, middle, highest)]
        names = [f"{short[0]}/tar-split.json.gz", f"{short[1]}/cache-id", f"{short[2]}/diff"]
        assert {one["path"] for one in damages} == {f"image/overlay2/layerdb/sha256/{name}" for name in names}
        assert "it is empty" in {one["what"] for one in damages}
        lane.engine.restart()
        done = verify(lane.host)
        assert done.returncode == 1, done.stdout
        assert "the daemon does not list this image" in done.stdout


@pytest.mark.builds
def test_a_driver_whose_layers_cannot_be_read_is_not_called_whole():
    """The layers of a snapshotter that keeps images of file systems are named with the reason, and the status is 3."""
    with running("containerd:blockfile", "docker-28.5") as lane:
        done = verify(lane.host)
        assert done.returncode == 3, done.stdout + done.stderr
        assert done.stdout.count("would have to be mounted") == 3
        assert done.stdout.endswith("3 layers not verified\n")
