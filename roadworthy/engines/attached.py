"""An engine that runs already and is somebody else's: asked through its socket, by requests that a guard lets pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import docker

from roadworthy.declaring.features import CLASSIC_BUILDER, Feature
from roadworthy.drivers.base import Driver
from roadworthy.engines.engine import ANSWER_DEADLINE, Engine
from roadworthy.engines.guard import Guard
from roadworthy.machines.lent import LIFE
from roadworthy.machines.place import Place
from roadworthy.machines.watchdog import Ends
from roadworthy.reasons import Unsupported
from roadworthy.upkeep.objects import LABEL


class Attached(Engine):
    """A running daemon. `kind` is the name of the engine that it is, `run` the label of what is made on it."""

    program = "the daemon"
    programs = ()
    lasting: ClassVar[Mapping[str, Ends]] = {}
    ends_with = ()
    directory = ""

    def __init__(self, place: Place, driver: Driver, kind: str, url: str, run: str, daemon: int) -> None:
        """`daemon` is a process of it as this machine numbers it."""
        self.name = kind  # type: ignore[misc]
        self.driver = driver
        self.place = place
        self.started = True
        self.labels = {LABEL: run}
        self.socket = Path(url.removeprefix("unix://"))
        self.client = docker.DockerClient(base_url=url, version="auto", timeout=int(ANSWER_DEADLINE))
        api = self.client.api
        api.mount("http+docker://", Guard(api, run, api.get_adapter(api.base_url)))
        self.data_root = Path(self.info()["DockerRootDir"])
        self._daemon = daemon
        self._interposer = None

    @property
    def features(self) -> Feature:  # type: ignore[override]
        """What checks ask of it besides its driver's: nothing that needs a start with other settings."""
        return CLASSIC_BUILDER if self.name == "docker" else Feature.NONE

    def alive(self) -> bool:
        """Whether its process is there."""
        return Path(f"/proc/{self._daemon}").exists()

    def daemon_pid(self) -> int:
        """The daemon's process id, as its own process namespace numbers it."""
        lines = Path(f"/proc/{self._daemon}/status").read_text().splitlines()
        return next(int(line.split()[-1]) for line in lines if line.startswith("NSpid:"))

    def last_words(self) -> str:
        return "its log is where its owner keeps it"

    def _command(self, *words: str) -> str:
        raise Unsupported(LIFE)

    def _command_line(
        self, driver: Driver, storage_options: Sequence[str], cgroup: str, extra: Sequence[str]
    ) -> list[str]:
        raise Unsupported(LIFE)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise Unsupported(LIFE)

    start: Callable[..., NoReturn] = _refuse
    stop = replace = go_on_in = upgrade = restart = attempt_restart = keep_containers = _refuse

    @contextmanager
    def leaked_mounts(self) -> Iterator[None]:
        self._refuse()
        yield

    @contextmanager
    def beside(self, preparation: str, *wrapped: str, argument: str = "") -> Iterator[int]:
        self._refuse()
        yield 0
