"""A registry with one image on loopback, and an engine's containerd that pulls from it by its transfer service.

`docker load` and `docker pull` unpack images by themselves, one layer after another. What containerd does with an image
that it pulls itself, as for Kubernetes, is asked of it by `ctr`, its own client.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from roadworthy.engines.engine import Engine
from roadworthy.machines.machine import Machine
from roadworthy.machines.place import PlacePath
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported
from roadworthy.trees.layers import Tree, entry, layer_tar

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
#: The image's name in the registry, and containerd's namespace for it, which no engine uses.
NAME, TAG, NAMESPACE = "pulled", "latest", "roadworthy"
#: Seconds for a pull of a few small layers.
PULLS = 60.0


def digest(data: bytes) -> str:
    """How the registry names a blob, see OCI image-spec, descriptor.md, "Digests"."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def described(kind: str, data: bytes) -> dict[str, object]:
    """A descriptor, see OCI image-spec, descriptor.md."""
    return {"mediaType": kind, "digest": digest(data), "size": len(data)}


def blobs_of(trees: Sequence[Tree]) -> tuple[bytes, Mapping[str, bytes]]:
    """The manifest of an image of these trees, the lowest first, and its blobs by their digests."""
    layers = [layer_tar({path: entry(value) for path, value in tree.items()}) for tree in trees]
    root = {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": root}).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": described(CONFIG, config),
            "layers": [described(LAYER, layer) for layer in layers],
        }
    ).encode()  # fmt: skip
    return manifest, {digest(blob): blob for blob in (config, *layers)}


@contextmanager
def registry(trees: Sequence[Tree]) -> Iterator[str]:
    """Serve an image of these trees on loopback while the block runs, and yield its name."""
    manifest, blobs = blobs_of(trees)

    class Answers(BaseHTTPRequestHandler):
        """OCI distribution-spec, as far as a pull asks: manifests and blobs."""

        def do_GET(self) -> None:
            what, _, reference = self.path.rpartition("/")
            if what.endswith("/manifests") and reference in (TAG, digest(manifest)):
                self._give(MANIFEST, manifest)
            elif what.endswith("/blobs") and reference in blobs:
                self._give("application/octet-stream", blobs[reference])
            else:
                self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - http.server looks for this name

        def _give(self, kind: str, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Docker-Content-Digest", digest(data))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing: what was asked stands in containerd's log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}/{NAME}:{TAG}"
        finally:
            server.shutdown()
            serving.join(20)


class Puller:
    """Has an engine's containerd pull images; the value of the fixture `puller`. Raises Unsupported."""

    def __init__(self, engine: Engine, snapshotter: str, machine: Machine) -> None:
        if machine.far:
            raise Unsupported("the registry of this check is on this host's loopback, which a virtual machine lacks")
        self._engine = engine
        self._snapshotter = snapshotter

    def __repr__(self) -> str:
        return f"<puller of {self._snapshotter}>"

    @contextmanager
    def root(self, *trees: Tree) -> Iterator[PlacePath]:
        """Pull an image of these trees, the lowest first, and yield its root, mounted while the block runs."""
        place = self._engine.place
        view = place.runtime / "pulled"
        place.path(view).mkdir(exist_ok=True)
        with registry(trees) as name:
            try:
                self._ctr("pull", "--plain-http", "--snapshotter", self._snapshotter, name)
                self._ctr("mount", "--snapshotter", self._snapshotter, name, str(view))
                yield place.path(view)
            finally:
                with suppress(ProgramFailed):
                    self._ctr("unmount", "--rm", "--snapshotter", self._snapshotter, str(view))
                with suppress(ProgramFailed):
                    self._ctr("rm", "--sync", name)

    def _ctr(self, *words: str) -> None:
        client = ["ctr", "--address", self._engine.containerd, "--namespace", NAMESPACE, "images"]
        self._engine.place.run([*client, *words], PULLS)
