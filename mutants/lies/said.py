"""Wrong answers: the daemon did what was requested, or nothing, and reports something else."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from roadworthy.mutants.lie import Asked, Lie, lie

#: One member of an archive and its content; None leaves it out.
Member = tuple[tarfile.TarInfo, bytes]
Edit = Callable[[tarfile.TarInfo, bytes], Member | None]


def rewritten(archive: bytes, edit: Edit, further: tuple[Member, ...] = ()) -> bytes:
    """An archive with every member changed by `edit`, and further members appended."""
    target = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as new,
    ):
        members = [(made, content_of(old, made)) for made in old]
        for member in (*filter(None, (edit(*found) for found in members)), *further):
            made, content = member
            made.size = len(content)
            new.addfile(made, io.BytesIO(content))
    return target.getvalue()


def content_of(archive: tarfile.TarFile, made: tarfile.TarInfo) -> bytes:
    """A regular file's content; a link has none of its own."""
    file = archive.extractfile(made) if made.isreg() else None
    return file.read() if file is not None else b""


class Info(Lie):
    """docker info with one field changed."""

    change: ClassVar[dict[str, Any]] = {}

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        return asked.lied_json(answer, answer.json() | self.change) if asked.matches("GET", "info") else answer


@lie("info-names-another-root")
class AnotherRoot(Info):
    """docker info names a directory that exists and holds nothing of the driver's."""

    change = {"DockerRootDir": "/"}


class Status(Lie):
    """docker info with the driver's own fields changed."""

    def changed(self, fields: list[list[str]]) -> list[list[str]]:
        raise NotImplementedError

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if not asked.matches("GET", "info"):
            return answer
        found = answer.json()
        return asked.lied_json(answer, found | {"DriverStatus": self.changed(found["DriverStatus"] or [])})


@lie("info-forgets-a-field")
class ForgetsField(Status):
    """docker info shows only the first of the driver's fields."""

    def changed(self, fields: list[list[str]]) -> list[list[str]]:
        return fields[:1]


@lie("info-names-another-file-system")
class AnotherFileSystem(Status):
    """docker info names a file system that the data root does not lie on."""

    def changed(self, fields: list[list[str]]) -> list[list[str]]:
        return [[name, "zonefs" if name == "Backing Filesystem" else value] for name, value in fields]


@lie("inspect-forgets-a-layer")
class ForgetsLayer(Lie):
    """docker image inspect shows all layers but the last."""

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if not asked.matches("GET", "images", "*", "json"):
            return answer
        found = answer.json()
        found["RootFS"]["Layers"] = found["RootFS"]["Layers"][:-1]
        return asked.lied_json(answer, found)


class Diff(Lie):
    """docker diff with its changes edited."""

    def changed(self, asked: Asked, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        raise NotImplementedError

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if not asked.matches("GET", "containers", "*", "changes"):
            return answer
        return asked.lied_json(answer, self.changed(asked, answer.json() or []))


@lie("diff-forgets-a-change")
class ForgetsChange(Diff):
    """docker diff compares contents only: it omits a file of which something else has changed."""

    def changed(self, asked: Asked, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        layer, layers = asked.layers_of_container(asked.path[1])
        return [change for change in changes if change["Kind"] or not holds(layer, layers, change["Path"])]


def holds(layer: Path, layers: list[Path], path: str) -> bool:
    """Whether a container's layer has a file with the content that the image's `layers`, the lowest first, have."""
    here = layer / path.lstrip("/")
    below = [older / path.lstrip("/") for older in reversed(layers)]
    older = next((place for place in below if os.path.lexists(place)), None)
    if older is None or not (stat.S_ISREG(here.lstat().st_mode) and stat.S_ISREG(older.lstat().st_mode)):
        return False
    return here.read_bytes() == older.read_bytes()


@lie("diff-calls-new-changed")
class CallsNewChanged(Diff):
    """docker diff reports additions as changes."""

    def changed(self, asked: Asked, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [change | {"Kind": 0 if change["Kind"] == 1 else change["Kind"]} for change in changes]


@lie("diff-invents-a-change")
class InventsChange(Diff):
    """docker diff reports a change of every directory that the image has at its top."""

    def changed(self, asked: Asked, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _, layers = asked.layers_of_container(asked.path[1])
        tops = {f"/{path.name}" for layer in layers for path in layer.iterdir() if path.is_dir()}
        tops -= {change["Path"] for change in changes}
        return [*changes, *({"Path": path, "Kind": 0} for path in sorted(tops))]


class Export(Lie):
    """docker export, each member changed."""

    def changed(self, made: tarfile.TarInfo, content: bytes) -> Member:
        raise NotImplementedError

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if not asked.matches("GET", "containers", "*", "export"):
            return answer
        return asked.lied(answer, rewritten(answer.content, self.changed))


@lie("export-forgets-owners")
class ForgetsOwners(Export):
    """Everything in the archive belongs to root."""

    def changed(self, made: tarfile.TarInfo, content: bytes) -> Member:
        made.uid = made.gid = 0
        return made, content


@lie("export-forgets-set-id")
class ForgetsSetId(Export):
    """Set-user-id, set-group-id and sticky bits are not in the archive."""

    def changed(self, made: tarfile.TarInfo, content: bytes) -> Member:
        made.mode &= 0o777
        return made, content


@lie("save-renames-whiteouts")
class RenamesWhiteouts(Lie):
    """docker save marks deletions in another form than the specified one."""

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if not asked.matches("GET", "images", "*", "get"):
            return answer

        def renamed(made: tarfile.TarInfo, content: bytes) -> Member:
            made.name = made.name.replace("/.wh.", "/.gone.")
            return made, content

        def layer(made: tarfile.TarInfo, content: bytes) -> Member:
            return made, rewritten(content, renamed) if made.name.endswith("layer.tar") else content

        return asked.lied(answer, rewritten(answer.content, layer))


@lie("copy-out-shows-removed")
class CopyOutShowsRemoved(Lie):
    """docker cp adds up all layers and knows no marks of removal: it copies out what was removed."""

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if not asked.matches("GET", "containers", "*", "archive"):
            return answer
        top = Path(asked.query["path"][0].strip("/"))
        _, layers = asked.layers_of_container(asked.path[1])
        found = {
            str(Path(top.name) / path.relative_to(layer / top)): path.read_bytes()
            for layer in layers for path in (layer / top).rglob("*") if stat.S_ISREG(path.lstat().st_mode)
        }  # fmt: skip
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            names = archive.getnames()
        removed = tuple((tarfile.TarInfo(name), content) for name, content in found.items() if name not in names)
        if not removed:
            return answer
        return asked.lied(answer, rewritten(answer.content, lambda made, content: (made, content), removed))


@lie("copy-in-goes-nowhere")
class CopyInGoesNowhere(Lie):
    """docker cp into a container reports success and copies nothing."""

    def told(self, asked: Asked) -> Any:
        return asked.invented(200, {}) if asked.matches("PUT", "containers", "*", "archive") else asked.answer()


@lie("sizes-grow")
class SizesGrow(Lie):
    """docker ps --size shows a larger size each time."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.asked = 0

    def told(self, asked: Asked) -> Any:
        answer = asked.answer()
        if not asked.matches("GET", "containers", "json") or "size" not in asked.query:
            return answer
        self.asked += 1
        found = [one | {"SizeRw": one.get("SizeRw", 0) + self.asked} for one in json.loads(answer.content)]
        return asked.lied_json(answer, found)
