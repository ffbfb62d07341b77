"""An engine: a daemon of our own that runs containers on the driver and the backing under test."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

import docker
from docker.errors import DockerException
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from roadworthy.deadline import wait_until
from roadworthy.declaring.features import Feature
from roadworthy.drivers.base import Driver
from roadworthy.machines.backing import Backing
from roadworthy.machines.mode import ROOTFUL, ROOTLESS, Mode
from roadworthy.machines.place import Place, PlacePath, Program
from roadworthy.machines.watchdog import Ends
from roadworthy.reasons import Unsupported

START_DEADLINE = 60.0
#: What a daemon keeps in its runtime directory, which is empty after a boot: its process id, its socket, its state, and
#: the mark that its place is ready.
LOST_AT_BOOT = ("pid", "s", "x", "c", "t", "h", "made")
#: Seconds that the daemon may take to answer a request.
ANSWER_DEADLINE = 60.0
#: Seconds in which a daemon that is usable says that it is there.
PING_DEADLINE = 5.0


class EngineFailed(Exception):
    """The engine did not start, uses another driver, or died; this says nothing about the driver's promises."""


class Interposer(Protocol):
    """Stands between a daemon and its client. A run of checks has none; faulty engines are made with one."""

    def starting(self, engine: Engine, argv: list[str]) -> list[str]:
        """Return the command line for a daemon that starts, for the first time or again (see Engine.started)."""
        ...

    def answered(self, engine: Engine, request: PreparedRequest, ask: Callable[[], Response]) -> Response:
        """Return the answer to a request; `ask` sends it to the daemon."""
        ...

    def commanded(self, words: tuple[str, ...], answer: Callable[[], str]) -> str:
        """Return the output of the engine's own command; `answer` runs it."""
        ...


class InterposedAdapter(BaseAdapter):
    """A transport adapter, as of requests, that passes the client's requests through an interposer."""

    def __init__(self, engine: Engine, interposer: Interposer, adapter: BaseAdapter) -> None:
        super().__init__()
        self._engine = engine
        self._interposer = interposer
        self._adapter = adapter

    def send(self, request: PreparedRequest, **settings: Any) -> Response:  # type: ignore[override]
        return self._interposer.answered(self._engine, request, lambda: self._adapter.send(request, **settings))

    def close(self) -> None:
        self._adapter.close()


class Engine(ABC):
    """One daemon that speaks Docker's API, in its place. A subclass says how it is started with a driver."""

    #: The engine's name in the ids of lanes and in the conditions of deviations.
    name: ClassVar[str]
    #: The daemon's name in messages.
    program: ClassVar[str]
    #: The programs that its machine must have.
    programs: ClassVar[tuple[str, ...]]
    #: Its features besides those of its drivers.
    features: ClassVar[Feature] = Feature.NONE
    #: Its processes that have to go on, for the watchdog: which of their ends are trouble, and with which it ends.
    lasting: ClassVar[Mapping[str, Ends]]
    ends_with: ClassVar[tuple[str, ...]]
    #: The directory of the backing that is the data root.
    directory: ClassVar[str]
    #: The Docker SDK's arguments with which every container is created.
    container_settings: Mapping[str, Any] = {}
    #: Labels of everything that is made on it; empty if it ends with all that it has.
    labels: Mapping[str, str] = {}
    #: As whom it and its containers run.
    mode: Mode = ROOTFUL

    def __init__(
        self,
        place: Place,
        backing: Backing,
        driver: Driver,
        storage_options: Sequence[str] = (),
        cgroup: str = "",
        extra: Sequence[str] = (),
        data_root: Path | None = None,
        mode: Mode = ROOTFUL,
        interposer: Interposer | None = None,
    ) -> None:
        self.driver = driver
        #: Whether the daemon has answered before.
        self.started = False
        self._interposer = interposer
        self.mode = mode
        self.data_root = data_root or backing.mountpoint / self.directory
        self.place = place
        self._runtime = place.runtime
        self.log = place.path(place.runtime / "log")
        self.socket = place.reach(place.runtime / "s")
        self._argv = self._command_line(driver, storage_options, cgroup, extra)
        self._first_argv = tuple(self._argv)
        self.client: docker.DockerClient
        self._process: Program | None = None
        self.start()

    def __repr__(self) -> str:
        return f"<{self.program} with {self.driver.name or 'a driver of its choice'}>"

    @abstractmethod
    def _command_line(
        self, driver: Driver, storage_options: Sequence[str], cgroup: str, extra: Sequence[str]
    ) -> list[str]:
        """Write what the daemon reads at its start, and return its command line.

        The daemon's process writes its id, in its place's namespace, into `pid` of the runtime directory.
        """

    def start(self) -> None:
        """Start the daemon and wait until it answers. Raises EngineFailed with the daemon's last words."""
        if self._interposer is not None:
            self._argv = self._interposer.starting(self, list(self._argv))
        self._start()
        self.started = True
        if self._interposer is not None:
            api = self.client.api
            adapter = api.get_adapter(api.base_url)
            api.mount("http+docker://", InterposedAdapter(self, self._interposer, adapter))

    def _start(self) -> None:
        """Start the daemon's process and wait until it answers."""
        self.place.path(self._runtime / "s").unlink(missing_ok=True)
        self._process = self.place.start(self._argv, self._runtime / "log")
        try:
            wait_until(self._answers, START_DEADLINE * self.place.scale, f"{self.program} to answer on its socket")
        except TimeoutError as reason:
            raise EngineFailed(f"{reason}; it said: {self.last_words()}") from None

    def _answers(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise EngineFailed(f"{self.program} ended with {self._process.poll()}: {self.last_words()}")
        if not self.place.path(self._runtime / "s").exists():
            return False
        try:
            # The base URL is ours, so DOCKER_HOST and contexts of the environment have no effect.
            patience = int(ANSWER_DEADLINE * self.place.scale)
            self.client = docker.DockerClient(base_url=f"unix://{self.socket}", version="auto", timeout=patience)
            return bool(self.client.ping())
        except DockerException:
            return False

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Wait up to `seconds` longer for each of the daemon's answers while the block runs."""
        usual = self.client.api.timeout
        self.client.api.timeout = usual + int(seconds * self.place.scale)
        try:
            yield
        finally:
            self.client.api.timeout = usual

    @contextmanager
    def hurried(self, seconds: float) -> Iterator[None]:
        """Wait for `seconds` at most for each of the daemon's answers while the block runs."""
        api = self.client.api
        usual, api.timeout = api.timeout, int(seconds * self.place.scale)
        try:
            yield
        finally:
            api.timeout = usual

    @property
    def root(self) -> PlacePath:
        """The data root, as the controller reaches it."""
        return self.place.path(self.data_root)

    def alive(self) -> bool:
        """Whether the daemon's process runs."""
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        """Whether the daemon answers. It is asked twice: a missing answer may be this host's fault."""
        return self._pings() or self._pings()

    def _pings(self) -> bool:
        with self.hurried(PING_DEADLINE):
            try:
                return bool(self.client.ping())
            except (DockerException, OSError):
                return False

    def info(self) -> dict[str, Any]:
        """The result of `docker info`."""
        return dict(self.client.info())

    def proc(self, pid: int) -> PlacePath:
        """The /proc directory of a process by the engine's process id, which differs from this host's."""
        return self.place.path(f"/proc/{pid}")

    def daemon_pid(self) -> int:
        """The daemon's process id, as its place numbers it."""
        return int(self.place.path(self._runtime / "pid").read_text())

    @property
    def containerd(self) -> str:
        """The address of the containerd that the daemon starts, as the place sees it; empty if it starts none."""
        return ""

    @property
    def containerd_namespace(self) -> str:
        """The namespace in which that containerd keeps what is the daemon's."""
        return "moby"

    def command(self, *words: str) -> str:
        """The output of the engine's own command as a client of the daemon, or its error text if it fails."""
        if self._interposer is None:
            return self._command(*words)
        return self._interposer.commanded(words, lambda: self._command(*words))

    def stacks(self) -> str:
        """Where in the daemon the requests are that it has not answered, as it says itself; empty if it does not."""
        return ""

    @abstractmethod
    def _command(self, *words: str) -> str:
        """The output of the engine's own command, or its error text if it fails."""

    @contextmanager
    def leaked_mounts(self) -> Iterator[None]:
        """Keep a mount namespace with a copy of every current mount while the block runs."""
        with self.beside("", *self._entered(), "unshare", "--mount", "--propagation", "private", "--"):
            yield

    def mounts(self) -> list[str]:
        """The daemon's mount table, lines of mountinfo.

        It is not taken from the daemon's own root: Podman 6 leaves its first thread in the root of a container that a
        file was copied to. A rootless daemon has a mount namespace of its own in its place.
        """
        if self.mode is not ROOTLESS:
            return self.place.mounts()
        return (self.proc(self.daemon_pid()) / "mountinfo").read_text().splitlines()

    def _entered(self) -> list[str]:
        """Words before a command that give it the daemon's mount namespace, if that is not its place's."""
        return ["nsenter", f"--target={self.daemon_pid()}", "--mount", "--"] if self.mode is ROOTLESS else []

    @contextmanager
    def beside(self, preparation: str, *wrapped: str, argument: str = "") -> Iterator[int]:
        """Run a shell beside the daemon while the block runs, and yield its process id, as its place numbers it.

        The shell runs `preparation` first, with `argument` as `$2`. `wrapped` is a program that runs the shell.
        """
        mark = self._runtime / "beside"
        script = f'{preparation}\necho $$ >"$1"; while [ -e "$1" ]; do sleep 0.1; done'
        held = self.place.start([*wrapped, "sh", "-c", script, "sh", str(mark), argument], self._runtime / "log")
        seen = self.place.path(mark)
        begun = "a shell beside the daemon to begin"
        wait_until(lambda: seen.exists() and seen.read_text().endswith("\n"), 20 * self.place.scale, begun)
        try:
            yield int(seen.read_text())
        finally:
            seen.unlink()
            wait_until(lambda: held.poll() is not None, 20 * self.place.scale, "a shell beside the daemon to end")

    def stop(self, kill: bool = False) -> None:
        """Stop the daemon by SIGTERM or, with `kill`, by SIGKILL."""
        assert self._process
        if self._process.poll() is None:
            word = "KILL" if kill else "TERM"
            self.place.run(["sh", "-c", f"kill -{word} {self.daemon_pid()}"])
            wait_until(lambda: not self.alive(), 30 * self.place.scale, f"{self.program} to end")
        self.client.close()

    def replace(self) -> None:
        """Start the daemon anew, whatever has become of it; one that still runs is killed."""
        if self.alive():
            self.place.run(["sh", "-c", f"kill -KILL {self.daemon_pid()} || true"])
            wait_until(lambda: not self.alive(), 30 * self.place.scale, f"{self.program} to end")
        self.client.close()
        self.start()

    def go_on_in(self, place: Place) -> None:
        """Start the daemon in another place with the directories and the data root of the one that has ended.

        What lay in the runtime directory is gone, as after a boot.
        """
        self.client.close()
        self.place = place
        self.log = place.path(self._runtime / "log")
        for name in LOST_AT_BOOT:
            place.run(["rm", "-rf", str(self._runtime / name)])
        self.socket = place.reach(self._runtime / "s")
        self.start()

    def upgrade(self, tree: Path) -> None:
        """Stop the daemon, and start the one of another engine's tree on the same data root.

        Raises Unsupported if the place cannot have another root, EngineFailed if the new daemon does not start.
        """
        self.stop()
        self.place.change_root(tree)
        self.start()

    def restart(self, kill: bool = False, storage_driver: str | None = None) -> None:
        """Stop the daemon as `stop` does, and start it again on the same data root.

        With `storage_driver` it uses that driver; with an empty name it chooses one itself.
        """
        self.stop(kill)
        if storage_driver is not None:
            self._choose(storage_driver)
        self.start()

    def attempt_restart(self, storage_driver: str) -> str:
        """Restart with another driver, or without a name; if the daemon refuses, return its words, and run as before.

        Returns an empty string if the daemon does not refuse.
        """
        try:
            self.restart(storage_driver=storage_driver)
        except EngineFailed as refusal:
            said = str(refusal)
        else:
            said = ""
            self.stop()
        self._argv = list(self._first_argv)
        self.start()
        return said

    def _choose(self, storage_driver: str) -> None:
        """Name another driver, or none, on the command line; another driver gets none of the first one's options."""
        at = self._first_argv.index("--storage-driver") + 1
        self._argv = list(self._first_argv)
        self._argv[at] = storage_driver
        while storage_driver not in ("", self._first_argv[at]) and "--storage-opt" in self._argv:
            option = self._argv.index("--storage-opt")
            del self._argv[option : option + 2]

    def keep_containers(self) -> None:
        """Make running containers outlive the daemon's next end. Raises Unsupported if it cannot."""
        raise Unsupported(f"{self.program} has no switch for it")

    def last_words(self) -> str:
        """The error lines at the end of the daemon's log, or its last lines."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        wrong = [line for line in lines[-60:] if re.search(r"level=(error|fatal)|failed|panic|^Error", line)]
        told = [re.sub(r'^time="[^"]*" ', "", line) for line in (wrong or lines)[-3:]]
        return " / ".join(told) or "nothing"
