"""The command `roadworthy verify-store`."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import click
from docker.errors import DockerException

from roadworthy.command.exits import FOUND, GOOD, INTERRUPTED, NO_ANSWER
from roadworthy.reports.text import counted, visible
from roadworthy.store.daemon import EXAMPLE, daemon_at
from roadworthy.store.findings import Damage, LayerFound, StoreRefused
from roadworthy.store.verify import StoreFound, label, verified

EXIT = {"whole": GOOD, "damaged": FOUND, "unverified": NO_ANSWER}


@click.command(name="verify-store")
@click.option(
    "--host", metavar="unix://PATH", default=EXAMPLE, show_default=True, help="The socket of a running dockerd."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, with everything that is printed without it."
)
def verify_store(host: str, as_json: bool) -> None:
    """Compare every unpacked layer of a running Docker daemon with what it was made from.

    After a power cut an image may be listed and start, and its files be empty, cut short or not there. This command
    finds that. It compares contents, modes, owners, extended attributes, links, whiteouts, and the daemon's own records
    of images and layers.

    \b
      roadworthy verify-store
      roadworthy verify-store --host unix:///var/run/docker.sock --json

    It needs root on the daemon's machine, and changes nothing: it reads through a mount on which the kernel refuses
    every change, pulls nothing and restarts nothing. The daemon may go on working. Every layer is read as a whole, so
    a large store takes as long as reading it takes.

    Drivers: overlay2, overlay, fuse-overlayfs, vfs, btrfs; of containerd's image store: overlayfs, native, btrfs. A
    layer that cannot be compared is named with the reason.

    Exit status: 0 if everything is whole; 1 if there is damage; 3 if there is none, and something could not be
    compared; 4 for a mistake on the command line, or a socket that is not a dockerd's. docs/verify-store.md says what
    to do about damage.
    """
    if os.geteuid() != 0:
        raise click.UsageError("reading a daemon's layers needs root: run it as root, or with sudo")
    progress = Told(sys.stderr.isatty())
    try:
        found = verified(daemon_at(host), progress)
    except StoreRefused as reason:
        raise click.UsageError(f"--host: {reason}") from None
    except (DockerException, OSError) as reason:  # 1 would say that there is damage
        click.echo(f"Error: the comparison did not come to its end: {reason}", err=True)
        raise SystemExit(EXIT["unverified"]) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        progress.end()
    if as_json:
        click.echo(json.dumps(as_object(host, found), indent=2))
    else:
        for line in lines(found):
            click.echo(line)
    if EXIT[found.verdict]:
        raise SystemExit(EXIT[found.verdict])


class Told:
    """Progress on a terminal, in one line that is written again."""

    def __init__(self, shown: bool) -> None:
        self._shown, self._text, self._bytes, self._at = shown, "", 0, 0.0

    def layer(self, number: int, of: int) -> None:
        self._text = f"layer {number} of {of}"
        self._tell()

    def read(self, size: int) -> None:
        self._bytes += size
        if time.monotonic() - self._at > 0.2:
            self._tell()

    def _tell(self) -> None:
        if self._shown:
            self._at = time.monotonic()
            click.echo(f"\r\033[K{self._text}, {self._bytes / 1e6:.0f} MB read", nl=False, err=True)

    def end(self) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)


def lines(found: StoreFound) -> list[str]:
    """What a person reads: a line for each image, and below it the damages that it has; each layer is told once."""
    told: list[str] = []
    seen: set[str] = set()
    for image in found.images:
        layers = found.layers_of(image)
        verdict = found.of_image(image)
        names = ", ".join(image.names) or "no name"
        head = f"{verdict:<10}  {names}  {image.identity.removeprefix('sha256:')[:12]}"
        left = len(image.chain_ids) - len(layers)
        packed = f", {left} not unpacked" if left and not image.damages else ""
        told.append(visible(f"{head}  {counted(len(image.chain_ids), 'layer')}{packed}"))
        told += [damage_line(damage, "") for damage in image.damages]
        for number, layer in enumerate(layers, 1):
            told += layer_lines(layer, f"layer {number} of {len(layers)}", layer.chain_id in seen)
            seen.add(layer.chain_id)
    for layer in found.layers:
        if layer.chain_id not in seen:
            told.append(f"{layer.verdict:<10}  a layer of no image  {layer.chain_id.removeprefix('sha256:')[:12]}")
            told += layer_lines(layer, "it", False)
    damages = sum(len(layer.damages) for layer in found.layers) + sum(len(image.damages) for image in found.images)
    broken = sum(layer.verdict == "damaged" for layer in found.layers)
    left = sum(layer.verdict == "unverified" for layer in found.layers)
    total = f"{counted(len(found.images), 'image')}, {counted(len(found.layers), 'layer')} of {found.driver}: "
    said = [f"{counted(damages, 'damage')}" + f" in {counted(broken, 'layer')}" * bool(broken)] if damages else []
    said += [f"{counted(left, 'layer')} not verified"] if left else []
    return [*told, total + (", ".join(said) or "all whole")]


def layer_lines(layer: LayerFound, which: str, before: bool) -> list[str]:
    """What is wrong with a layer; of one that was told before, only that it was."""
    if layer.verdict == "whole":
        return []
    where = visible(f"  {which}, {layer.directory or layer.chain_id}")
    if before:
        return [f"{where}: {layer.verdict}, see above"]
    told = [f"{where}: not verified: {layer.reason}"] if layer.reason else [f"{where}:"]
    return told + [damage_line(damage, "/") for damage in layer.damages]


def damage_line(damage: Damage, slash: str) -> str:
    begin = "" if damage.kind in ("record", "blob") else slash
    return visible(f"    {begin}{damage.path}: {damage.kind}: {damage.what}").replace("\n", "␊")


def as_object(host: str, found: StoreFound) -> dict[str, Any]:
    """The same for a program. Bytes of a name that are not UTF-8 are escaped as Python's surrogateescape does."""
    return {
        "host": host, "driver": found.driver, "data_root": found.data_root, "verdict": found.verdict,
        "images": [
            {
                "id": image.identity, "names": image.names, "verdict": found.of_image(image),
                "layers": image.chain_ids, "damages": [vars(damage) for damage in image.damages],
                "reason": image.reason, "label": label(image),
            } for image in found.images
        ],
        "layers": [
            {
                "chain_id": layer.chain_id, "diff_id": layer.diff_id, "directory": layer.directory,
                "images": layer.images, "verdict": layer.verdict, "reason": layer.reason, "entries": layer.files,
                "damages": [vars(damage) for damage in layer.damages],
            } for layer in found.layers
        ],
    }  # fmt: skip
