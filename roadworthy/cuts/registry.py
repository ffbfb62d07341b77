"""A registry on loopback, which engines push images to and pull them from: Debian's docker-registry."""

from __future__ import annotations

import socket
from pathlib import Path

from roadworthy.deadline import wait_until
from roadworthy.machines.capsule import Capsule
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Precondition
from roadworthy.supplies.packages import needs
from roadworthy.upkeep.site import Site

PROGRAM = "docker-registry"
#: https://distribution.github.io/distribution/about/configuration/
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Registry:
    """A running registry. `address` is what the name of an image in it begins with."""

    def __init__(self, site: Site) -> None:
        """Start it. Raises Precondition if it is not installed, ProgramFailed if it ends."""
        image, runtime = site.next()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        configuration = runtime / "registry.yml"
        configuration.write_text(CONFIGURATION.format(root=image.with_suffix(".registry"), port=port))
        self._capsule = Capsule(site.ledger, site.keep, runtime=runtime)
        try:
            self._started(configuration, runtime / "log", port)
        except BaseException:
            self._capsule.close()
            raise

    def _started(self, configuration: Path, log: Path, port: int) -> None:
        try:
            self._capsule.run(["which", PROGRAM])
        except ProgramFailed:
            raise Precondition(needs(PROGRAM)) from None
        running = self._capsule.start([PROGRAM, "serve", str(configuration)], log)

        def answers() -> bool:
            if running.poll() is not None:
                raise ProgramFailed(f"{PROGRAM} ended with {running.returncode}: {log.read_text().strip()[-300:]}")
            with socket.socket() as asked:
                return asked.connect_ex(("127.0.0.1", port)) == 0

        wait_until(answers, 20, f"{PROGRAM} to answer")

    def close(self) -> None:
        """End it; its files end with the run."""
        self._capsule.close()
