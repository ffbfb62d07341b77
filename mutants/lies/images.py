"""Lies about loads and commits, whose images are changed: their layer directories are edited afterwards."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from roadworthy.declaring.places import CHECKS
from roadworthy.lane.storage import chain_ids
from roadworthy.mutants.lie import Asked, Lie, lie
from roadworthy.mutants.lies.said import Member, rewritten
from roadworthy.mutants.sabotage import OPAQUE
from roadworthy.programs import run

#: The attribute by which overlayfs knows a whiteout that is a file.
WHITEOUT = "trusted.overlay.whiteout"
#: The attribute in which overlayfs keeps the flags of a file that protect it.
FLAGS = "trusted.overlay.protattr"
#: Names of whiteouts that name no file.
NAMELESS = (".wh.", ".wh..", ".wh...")


def entries(layer: Path) -> list[Path]:
    """Everything in the checks' directories of a layer, parents first."""
    return sorted((layer / CHECKS).glob("*/**/*"))


def files(layer: Path) -> Iterator[Path]:
    """Yield the regular files among them that are not empty."""
    yield from (path for path in entries(layer) if path.is_file() and not path.is_symlink() and path.stat().st_size)


def is_tree(path: Path) -> bool:
    """Whether it is a directory itself, and not a link to one of this host's."""
    return stat.S_ISDIR(path.lstat().st_mode)


def is_whiteout(path: Path) -> bool:
    """Whether it is a whiteout of overlayfs."""
    found = path.lstat()
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def layers_in(archive: bytes) -> list[str]:
    """The chain ids of the layers of an archive for docker load, the lowest first."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:

        def read(name: str) -> Any:
            file = tar.extractfile(name)
            return json.load(file) if file is not None else {}

        return [*chain_ids(read(read("manifest.json")[0]["Config"])["rootfs"]["diff_ids"])]


class Load(Lie):
    """Lies about docker load. `edit` gets the layer directories, and whether one of them was loaded before."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        #: The layers that were loaded, by their chain ids.
        self.loaded: set[str] = set()

    def told(self, asked: Asked) -> Any:
        if not asked.matches("POST", "images", "load"):
            return asked.answer()
        chains = layers_in(bytes(asked.request.body))
        again = [chain for chain in chains if chain in self.loaded]
        self.loaded.update(chains)
        archive = self.archive(asked, bytes(asked.request.body), again)
        if archive != asked.request.body:
            asked.request.body = archive
            asked.request.headers["Content-Length"] = str(len(archive))
            asked.liar.count()
        answer = asked.answer()
        loaded = re.search(r"Loaded image(?: ID)?: (\S+?)\\n", answer.content.decode())
        if loaded and self.edit(asked, asked.image_layers(loaded[1]), bool(again)):
            asked.liar.count()
        return answer

    def archive(self, asked: Asked, archive: bytes, again: list[str]) -> bytes:
        """Return the archive that the daemon gets; `again` are the chain ids of its layers that were loaded before."""
        return archive

    def edit(self, asked: Asked, layers: list[Path], again: bool) -> bool:
        """Edit the layers, and return whether something was edited."""
        return False


@lie("load-ignores-opaque")
class IgnoresOpaque(Load):
    """An opaque directory of a loaded layer shows the entries of the layers below."""

    def edit(self, asked: Asked, layers: list[Path], again: bool) -> bool:
        marked = [path for layer in layers for path in entries(layer)
                  if path.is_dir() and not path.is_symlink() and OPAQUE in os.listxattr(path)]  # fmt: skip
        for path in marked:
            os.removexattr(path, OPAQUE)
        return bool(marked)


@lie("load-whiteout-hides-directory")
class WhiteoutHidesDirectory(Load):
    """A directory of a loaded layer with a whiteout in it shows nothing of older layers."""

    def edit(self, asked: Asked, layers: list[Path], again: bool) -> bool:
        above = {path.parent for layer in layers for path in entries(layer) if is_whiteout(path)}
        for path in above:
            os.setxattr(path, OPAQUE, b"y")
        return bool(above)


@lie("load-obeys-whiteout-attributes")
class ObeysAttributes(Load):
    """A file of a loaded layer that has the attribute of a whiteout removes the file of its name."""

    def edit(self, asked: Asked, layers: list[Path], before: int) -> bool:
        marked = [path for layer in layers for path in files(layer) if WHITEOUT in os.listxattr(path)]
        for path in marked:
            path.unlink()
            os.mknod(path, stat.S_IFCHR, 0)
        return bool(marked)


@lie("old-layer-wins")
class OldLayerWins(Load):
    """In an image of which a layer was loaded before, the older of two layers' entries of one name is seen."""

    def edit(self, asked: Asked, layers: list[Path], again: bool) -> bool:
        changed = False
        for depth, layer in enumerate(layers[1:], 1):
            for path in entries(layer):
                places = [below / path.relative_to(layer) for below in layers[:depth]]
                older = next((place for place in places if os.path.lexists(place)), None)
                if not again or older is None or not os.path.lexists(path) or (is_tree(older) and is_tree(path)):
                    continue
                shutil.rmtree(path) if is_tree(path) else path.unlink()
                if is_tree(older):
                    shutil.copytree(older, path, symlinks=True)
                else:
                    shutil.copy2(older, path, follow_symlinks=False)
                changed = True
        return changed


@lie("lowest-layers-lost")
class LowestLayersLost(Load):
    """Of an image of more than ten layers, the first ten are empty."""

    def edit(self, asked: Asked, layers: list[Path], again: bool) -> bool:
        gone = [path for layer in layers[:10] for path in entries(layer) if path.is_file()] if len(layers) > 10 else []
        for path in gone:
            path.unlink()
        return bool(gone)


@lie("load-harms-older-image")
class HarmsOlderImage(Load):
    """Loading an image removes the files of the layers that are there already."""

    def archive(self, asked: Asked, archive: bytes, again: list[str]) -> bytes:
        there = [Path(asked.engine.driver.image_layer(asked.engine, chain)) for chain in again]
        for path in [found for layer in there if layer.is_dir() for found in files(layer)]:
            path.unlink()
            asked.liar.count()
        return archive


@lie("load-forgets-attributes")
class ForgetsAttributes(Load):
    """Files of an image of which a layer was loaded before have no attributes, ACLs or capabilities."""

    def edit(self, asked: Asked, layers: list[Path], again: bool) -> bool:
        found = [(path, name) for layer in layers for path in files(layer) for name in os.listxattr(path)
                 if not name.startswith("trusted.")] if again else []  # fmt: skip
        for path, name in found:
            os.removexattr(path, name)
        return bool(found)


def repacked(archive: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """An image archive with every layer changed by `edit`, and with the digests of the changed layers."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {made.name: tar.extractfile(made).read() for made in tar if made.isreg()}  # type: ignore[union-attr]
    manifest = json.loads(found["manifest.json"])
    configuration = json.loads(found.pop(manifest[0]["Config"]))
    names = manifest[0]["Layers"]
    for name in names:
        found[name] = edit(found[name])
    digests = [f"sha256:{hashlib.sha256(found[name]).hexdigest()}" for name in names]
    configuration["rootfs"]["diff_ids"] = digests
    written = json.dumps(configuration).encode()
    manifest[0]["Config"] = f"{hashlib.sha256(written).hexdigest()}.json"
    found |= {manifest[0]["Config"]: written, "manifest.json": json.dumps(manifest).encode()}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in [
            word for word in found if word == manifest[0]["Config"] or word == "manifest.json" or word in names
        ]:
            made = tarfile.TarInfo(name)
            made.size = len(found[name])
            tar.addfile(made, io.BytesIO(found[name]))
    return target.getvalue()


@lie("load-drops-senseless-whiteouts")
class DropsSenselessWhiteouts(Load):
    """A layer with a whiteout that names no file is accepted, without that whiteout."""

    def archive(self, asked: Asked, archive: bytes, again: list[str]) -> bytes:
        found = 0

        def dropped(made: tarfile.TarInfo, content: bytes) -> Member | None:
            nonlocal found
            senseless = made.name.rpartition("/")[2] in NAMELESS
            found += senseless
            return None if senseless else (made, content)

        changed = repacked(archive, lambda layer: rewritten(layer, dropped))
        return changed if found else archive


@lie("load-changes-digests")
class ChangesDigests(Load):
    """docker inspect of an image that was loaded upon layers loaded before shows another last layer than was saved."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        #: The uppermost layers of such images, by their chain ids.
        self.upon: set[str] = set()

    def archive(self, asked: Asked, archive: bytes, again: list[str]) -> bytes:
        if again:
            self.upon.add(layers_in(archive)[-1])
        return archive

    def told(self, asked: Asked) -> Any:
        answer = super().told(asked)
        if not asked.matches("GET", "images", "*", "json") or not answer.ok:
            return answer
        found = answer.json()
        layers = found["RootFS"].get("Layers") or []
        if not layers or chain_ids(layers)[-1] not in self.upon:
            return answer
        layers[-1] = f"sha256:{'0' * 64}"
        return asked.lied_json(answer, found)


class Commit(Lie):
    """Lies about docker commit. `edit` gets the new image's layer directories."""

    def told(self, asked: Asked) -> Any:
        if not asked.matches("POST", "commit"):
            return asked.answer()
        self.prepare(asked, asked.writable_layer(asked.query["container"][0]))
        answer = asked.answer()
        if answer.ok and self.edit(asked.image_layers(answer.json()["Id"])):
            asked.liar.count()
        return answer

    def prepare(self, asked: Asked, layer: Path) -> None:
        """Do something to the container's layer before it is committed."""

    def edit(self, layers: list[Path]) -> bool:
        """Edit the layers, and return whether something was edited."""
        return False


@lie("commit-empties-files")
class EmptiesFiles(Commit):
    """Files of a committed layer have no content."""

    def edit(self, layers: list[Path]) -> bool:
        found = list(files(layers[-1]))
        for path in found:
            kept = path.stat()
            os.truncate(path, 0)
            os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        return bool(found)


@lie("commit-forgets-deletions")
class ForgetsDeletions(Commit):
    """What the container removed is in the image."""

    def edit(self, layers: list[Path]) -> bool:
        found = [path for path in entries(layers[-1]) if is_whiteout(path)]
        for path in found:
            path.unlink()
        return bool(found)


@lie("commit-forgets-opaque")
class ForgetsOpaque(Commit):
    """A directory that the container recreated shows its old entries in the image."""

    def edit(self, layers: list[Path]) -> bool:
        changed = False
        for path in entries(layers[-1]):
            if path.is_dir() and not path.is_symlink() and OPAQUE in os.listxattr(path):
                os.removexattr(path, OPAQUE)
                changed = True
        return changed


@lie("commit-sets-times")
class SetsTimes(Commit):
    """Everything in a committed layer was modified when it was committed."""

    def edit(self, layers: list[Path]) -> bool:
        now = time.time_ns()
        for path in entries(layers[-1]):
            os.utime(path, ns=(now, now), follow_symlinks=False)
        return bool(entries(layers[-1]))


@lie("commit-splits-links")
class SplitsLinks(Commit):
    """Two names of one file are two files in a committed layer."""

    def edit(self, layers: list[Path]) -> bool:
        linked = [path for path in files(layers[-1]) if path.stat().st_nlink > 1]
        for path in linked:
            spare = path.with_name(f".{path.name}.split")
            shutil.copy2(path, spare)
            spare.replace(path)
        return bool(linked)


@lie("commit-forgets-modes")
class ForgetsModes(Commit):
    """Files of a committed layer have the mode 0644."""

    def edit(self, layers: list[Path]) -> bool:
        found = list(files(layers[-1]))
        for path in found:
            path.chmod(0o644)
        return bool(found)


@lie("commit-forgets-special-files")
class ForgetsSpecialFiles(Commit):
    """Devices and pipes are regular files in a committed layer."""

    def edit(self, layers: list[Path]) -> bool:
        kinds = (stat.S_ISFIFO, stat.S_ISCHR, stat.S_ISBLK)
        found = [path for path in entries(layers[-1])
                 if not is_whiteout(path) and any(kind(path.lstat().st_mode) for kind in kinds)]  # fmt: skip
        for path in found:
            path.unlink()
            path.touch()
        return bool(found)


@lie("commit-stamps-layers")
class StampsLayers(Commit):
    """A committed layer contains the time of its commit, so that no two are equal."""

    def prepare(self, asked: Asked, layer: Path) -> None:
        for place in (layer / CHECKS).glob("*"):
            kept = place.stat()
            (place / ".stamp").write_text(f"{time.time_ns()}")
            os.utime(place, ns=(kept.st_atime_ns, kept.st_mtime_ns))
            asked.liar.count()


@lie("commit-reaches-base")
class ReachesBase(Commit):
    """A commit changes the files of the layers below, too."""

    def edit(self, layers: list[Path]) -> bool:
        reached = [(path, below / path.relative_to(layers[-1])) for path in files(layers[-1]) for below in layers[:-1]
                   if (below / path.relative_to(layers[-1])).is_file()]  # fmt: skip
        for path, older in reached:
            older.write_bytes(path.read_bytes())
        return bool(reached)


@lie("commit-cuts-files")
class CutsFiles(Commit):
    """Files of a committed layer lack their last byte."""

    def edit(self, layers: list[Path]) -> bool:
        found = list(files(layers[-1]))
        for path in found:
            os.truncate(path, path.stat().st_size - 1)
        return bool(found)


@lie("commit-keeps-sockets")
class KeepsSockets(Commit):
    """A socket of a container is an empty file in the image."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.sockets: list[Path] = []

    def prepare(self, asked: Asked, layer: Path) -> None:
        self.sockets = [path.relative_to(layer) for path in entries(layer) if path.is_socket()]

    def edit(self, layers: list[Path]) -> bool:
        for socket in self.sockets:
            (layers[-1] / socket).touch()
        return bool(self.sockets)


@lie("commit-keeps-flags")
class KeepsFlags(Commit):
    """A file that is immutable in a container is immutable in the image committed from it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.flagged: list[Path] = []

    def prepare(self, asked: Asked, layer: Path) -> None:
        self.flagged = [path.relative_to(layer) for path in files(layer) if FLAGS in os.listxattr(path)]

    def edit(self, layers: list[Path]) -> bool:
        for path in self.flagged:
            run(["chattr", "+i", str(layers[-1] / path)])
        return bool(self.flagged)
