"""A private dockerd: own data root on the backing under test, own socket, no network, started inside a capsule."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from roadworthy.deadline import wait_until
from roadworthy.declaring.features import CLASSIC_BUILDER, DRIVER_SWITCH
from roadworthy.drivers.base import Driver
from roadworthy.engine_name import EngineName
from roadworthy.engines.engine import START_DEADLINE, Engine, EngineFailed
from roadworthy.engines.remapped import below, remapped
from roadworthy.engines.rootless import rootless
from roadworthy.machines.mode import ROOTLESS, USERNS_REMAP
from roadworthy.machines.place import Place, Program
from roadworthy.machines.watchdog import Ends
from roadworthy.programs import ENVIRONMENT, ProgramFailed, run
from roadworthy.reasons import Precondition, Unsupported
from roadworthy.supplies.packages import needs

#: The series in ids if no engine is installed, so that planning needs no engine: Debian 12's.
DEFAULT_SERIES = "20.10"
#: dockerd gives its containerd 15 seconds on any machine (libcontainerd/supervisor, startupTimeout). A containerd on a
#: slow disk, or emulated on a busy host, takes longer; each start finds more of it in the page cache.
CONTAINERD_LATE = "timeout waiting for containerd to start"
STARTS = 4
#: Seconds in which the daemon writes its goroutines' stacks, which it does even while all requests wait.
STACKS_DEADLINE = 5.0
GOROUTINE = re.compile(r"^goroutine \d+ \[([^\],]+).*\]:\n((?:.+\n)+)", re.MULTILINE)
#: The daemon's own code, and the requests that wait for as long as their container lives.
OWN = re.compile(r"github\.com/(docker/docker|moby/moby(/v2)?)/(?!vendor/|pkg/)")
LASTING_REQUESTS = re.compile(r"ExecStart|Attach|ContainersWait|getEvents|ContainersLogs")
#: How many requests a reason names.
REQUESTS = 3


def waiting(dump: str) -> list[str]:
    """Where the requests of a dump of goroutines are in the daemon's own code, and what that waits for."""
    found = []
    for state, stack in GOROUTINE.findall(f"{dump}\n"):
        functions = [
            line.rpartition("(")[0] for line in stack.splitlines() if not line.startswith(("\t", "created by "))
        ]
        served = any(name.startswith("net/http.(*conn).serve") for name in functions)
        own = next((number for number, name in enumerate(functions) if OWN.match(name)), None)
        if not served or own is None or LASTING_REQUESTS.search(stack):
            continue
        names = [name.rpartition("/")[2] for name in functions[: own + 1]]
        inner = f", and waits there in {names[-2]}" if own else ""
        found.append(f"dockerd is in {names[-1]}{inner} ({state})")
    return sorted(set(found))[:REQUESTS]


def installed_engine() -> EngineName:
    """The dockerd on this host's PATH, or one of DEFAULT_SERIES if there is none."""
    try:
        said = run(["dockerd", "--version"]) if shutil.which("dockerd", path=ENVIRONMENT["PATH"]) else ""
    except ProgramFailed:
        said = ""
    found = re.search(r"version (\d+\.\d+)", said)
    return EngineName(Dockerd.name, found[1] if found else DEFAULT_SERIES)


class Dockerd(Engine):
    """Docker's daemon. Its containers end with it when it stops gently."""

    name = "docker"
    program = "dockerd"
    programs = ("dockerd", "runc")
    features = DRIVER_SWITCH | CLASSIC_BUILDER
    lasting: ClassVar[Mapping[str, Ends]] = {"dockerd": "any", "containerd": "any", "containerd-shim": "signal"}
    ends_with = ("dockerd", "containerd")
    directory = "docker"

    #: The plugin settings of a containerd of ours; empty if dockerd starts its own.
    _plugins: Mapping[str, Mapping[str, Any]] = {}
    _containerd: Program | None = None

    def _command_line(
        self, driver: Driver, storage_options: Sequence[str], cgroup: str, extra: Sequence[str]
    ) -> list[str]:
        runtime = self._runtime
        # 20.10 refuses /dev/null as its configuration file.
        configuration = runtime / "daemon.json"
        self.place.path(configuration).write_text(json.dumps(dict(driver.configuration)) + "\n")
        told = self.data_root
        if self.mode is USERNS_REMAP:
            self.data_root = told / below(self.mode)
        self._plugins = driver.containerd_plugins(self.place, self.data_root, storage_options)
        options = [option for option in storage_options if option.partition("=")[0] not in driver.containerd_options]
        words = [
            *self._temporary(), "dockerd", "--config-file", str(configuration), "--data-root", str(told),
            "--exec-root", str(runtime / "x"), "--pidfile", str(runtime / "pid"), "--host", f"unix://{runtime / 's'}",
            "--group", "root", "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
            "--storage-driver", driver.daemon_name,
            *[word for option in options for word in ("--storage-opt", option)],
            *(["--containerd", self.containerd] if self._plugins else []),
            *(["--cgroup-parent", f"/{cgroup}"] if cgroup and self.mode is not ROOTLESS else []), *extra,
        ]  # fmt: skip
        if self.mode is ROOTLESS:
            return rootless(self.place, self.mode, str(told), [*words, "--rootless"])
        return remapped(self.place, self.mode, words) if self.mode is USERNS_REMAP else words

    def keep_containers(self) -> None:
        """Switch `live-restore` on, which the daemon reads again at SIGHUP. They end with its place at the latest."""
        configuration = self.place.path(self._runtime / "daemon.json")
        configuration.write_text(json.dumps({**self.driver.configuration, "live-restore": True}) + "\n")
        self.place.run(["sh", "-c", f"kill -HUP {self.daemon_pid()}"])
        kept = "the daemon to keep containers"
        wait_until(lambda: bool(self.info()["LiveRestoreEnabled"]), 20 * self.place.scale, kept)

    def stacks(self) -> str:
        """Where in dockerd the requests are that it has not answered, from the stacks that it writes for SIGUSR1."""
        state = self.place.path(self._runtime / "x")
        old = {path.name for path in state.glob("goroutine-stacks-*")}
        self.place.run(["sh", "-c", f"kill -USR1 {self.daemon_pid()}"], STACKS_DEADLINE)
        found: list[str] = []

        def written() -> bool:
            for path in state.glob("goroutine-stacks-*"):
                if path.name not in old:
                    found[:] = waiting(path.read_text(errors="replace"))
            return bool(found)

        with suppress(TimeoutError):
            wait_until(written, STACKS_DEADLINE * self.place.scale, "dockerd to write its stacks")
        return "; ".join(found)

    def _temporary(self) -> list[str]:
        """The words before a command that make it put its temporary files below the runtime directory.

        A shim writes a file for every process that it starts in a container (go-runc, `runc-process…`), and a shim that
        is killed meanwhile leaves it.
        """
        return ["env", f"TMPDIR={self._runtime}"]

    def _start(self) -> None:
        wait_until(self._containerd_is_gone, 20 * self.place.scale, "the containerd of the last daemon to end")
        if self._plugins and (self._containerd is None or self._containerd.poll() is not None):
            self._start_containerd()
        for left in reversed(range(STARTS)):
            try:
                return super()._start()
            except EngineFailed as reason:
                if CONTAINERD_LATE not in str(reason) or not left:
                    raise

    def upgrade(self, tree: Path) -> None:
        if self._plugins:
            raise Unsupported("the containerd that has this snapshotter's settings lives as long as its namespaces")
        super().upgrade(tree)

    def go_on_in(self, place: Place) -> None:
        self._containerd = None  # it has ended with the place that it was started in
        super().go_on_in(place)

    def _containerd_is_gone(self) -> bool:
        """Whether the containerd of a daemon that has ended has ended, too.

        A daemon that finds it alive, or not yet reaped, uses it, and gives up after fifteen seconds.
        """
        try:
            pid = int(self.place.path(self._runtime / "x/containerd/containerd.pid").read_text())
            return (self.proc(pid) / "comm").read_text() != "containerd\n"
        except (OSError, ValueError):
            return True

    def _start_containerd(self) -> None:
        """Start a containerd with its root where dockerd's own has it, for snapshotters that need a configuration.

        It lives as long as its place; dockerd may stop and start meanwhile. Raises EngineFailed.
        """
        configuration = self._runtime / "containerd.toml"
        self.place.path(configuration).write_text(self._containerd_configuration())
        words = [*self._temporary(), "containerd", "--config", str(configuration)]
        self._containerd = self.place.start(words, self._runtime / "log")
        socket = self.place.path(self.containerd)

        def ready() -> bool:
            if self._containerd is None or self._containerd.poll() is not None:
                raise EngineFailed(f"containerd ended: {self.last_words()}")
            return socket.exists()

        try:
            wait_until(ready, START_DEADLINE * self.place.scale, "containerd to make its socket")
        except TimeoutError as reason:
            raise EngineFailed(f"{reason}; it said: {self.last_words()}") from None
        self._refuse_settings()

    def _refuse_settings(self) -> None:
        """Raise Unsupported for an option of the lane that containerd does not know, or with which a plugin fails.

        containerd says so in its log, and goes on. A plugin that fails later, as after a cut, is the driver's failure.
        """
        options = {plugin: key for key, (plugin, _) in self.driver.containerd_options.items()
                   if key in self._plugins.get(plugin, {})}  # fmt: skip
        if self.started or not options:
            return
        said = self.log.read_text(errors="replace")
        known = {key for plugin in options for key in self._plugins[plugin]}
        ignored = sorted(known & set(re.findall(r'Ignoring unknown key .*\bkey="?(\w+)', said)))
        if ignored:
            raise Unsupported(f"this containerd does not know {ignored[0]}, and ignores it")
        for plugin, key in options.items():
            failed = re.search(rf'"failed to load plugin" error="(.*)" id={re.escape(plugin)} ', said)
            if failed:
                raise Unsupported(f"containerd has no {plugin} with {key}: {failed[1].rpartition(': ')[2]}")

    def _containerd_configuration(self) -> str:
        """The configuration of dockerd's own containerd, plus the driver's plugins. JSON strings and lists are TOML."""
        root = self.data_root / "containerd"
        plugins = {"io.containerd.internal.v1.opt": {"path": str(root / "opt")}, **self._plugins}
        lines = [
            "version = 2", f"root = {json.dumps(str(root / 'daemon'))}",
            f"state = {json.dumps(str(self._runtime / 'c/state'))}", 'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
            "[grpc]", f"address = {json.dumps(self.containerd)}",
        ]  # fmt: skip
        for name, settings in plugins.items():
            lines.append(f"[plugins.{json.dumps(name)}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        return "\n".join(lines) + "\n"

    @property
    def containerd(self) -> str:
        return str(self._runtime / ("c/s" if self._plugins else "x/containerd/containerd.sock"))

    @property
    def containerd_namespace(self) -> str:
        named = super().containerd_namespace
        return f"{named}-{below(self.mode)}" if self.mode is USERNS_REMAP else named

    def _command(self, *words: str) -> str:
        """The output of the `docker` command, or its error text if it fails. Raises Precondition."""
        if not shutil.which("docker", path=ENVIRONMENT["PATH"]):
            raise Precondition(needs("docker"))
        try:
            return run(["docker", "--host", f"unix://{self.socket}", *words])
        except ProgramFailed as refusal:
            return str(refusal)
