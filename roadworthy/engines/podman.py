"""A private Podman, served through Docker's API: own graph root on the backing under test, own socket, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from roadworthy.drivers.base import Driver
from roadworthy.engines.engine import Engine
from roadworthy.machines.watchdog import Ends
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

#: Docker's default capabilities, so that the sandbox makes no difference between the two engines' columns.
CAPABILITIES = ("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
                "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")  # fmt: skip

#: containers.conf(5). The runtime is crun, or runc if there is no crun. A limit on processes needs a controller that a
#: hybrid hierarchy lacks for cgroup2.
CONFIGURATION: dict[str, dict[str, object]] = {
    "containers": {
        "default_capabilities": list(CAPABILITIES), "default_sysctls": [], "log_driver": "k8s-file", "pids_limit": 0,
    },
    "engine": {"cgroup_manager": "cgroupfs", "events_logger": "file"},
}  # fmt: skip

#: Podman's locks lie in shared memory under a fixed name, and crun refuses a hybrid cgroup hierarchy: the place gets a
#: /dev/shm and a cgroup2 of its own, once, in the mount namespace that all its processes share.
START = """
made=$1; pid=$2; shift 2
if [ ! -e "$made" ]; then
    mount -t tmpfs -o mode=1777 roadworthy /dev/shm
    [ "$(stat --file-system --format=%T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 roadworthy /sys/fs/cgroup
    : >"$made"
fi
echo $$ >"$pid"
exec env "$@"
"""


class Podman(Engine):
    """`podman system service`, which is no daemon: each container belongs to its conmon, and outlives the service."""

    name = "podman"
    program = "podman system service"
    programs = ("podman", "conmon")
    #: conmon(8) starts further podmans, which clean up after a container and may fail if others did so.
    lasting: ClassVar[Mapping[str, Ends]] = {"podman": "signal", "conmon": "signal"}
    ends_with = ("podman",)
    directory = "podman"

    def _command_line(
        self, driver: Driver, storage_options: Sequence[str], cgroup: str, extra: Sequence[str]
    ) -> list[str]:
        if extra:
            raise Unsupported("a mutant's runtime works with dockerd only")
        # The cgroupfs manager has no setting for the parent of all containers, so each is created with it.
        self.container_settings = {"cgroup_parent": f"/{cgroup}"} if cgroup else {}
        runtime, copies = self._runtime, self.data_root / "tmp"
        self.place.path(copies).mkdir(parents=True)
        settings = {**CONFIGURATION, "engine": {**CONFIGURATION["engine"], "image_copy_tmp_dir": str(copies)}}
        self.place.path(runtime / "containers.conf").write_text(toml(settings))
        # Podman 4.3 requires both roots in the file that it is given, although the command line has them.
        roots = {"graphroot": str(self.data_root), "runroot": str(runtime / "x")}
        storage = {"storage": {"driver": driver.daemon_name, **roots}}
        self.place.path(runtime / "storage.conf").write_text(toml(storage))
        # conmon cleans up with the same command line, so what matters is on it. conmon needs a working directory, and
        # that of a process which was started in a place lies outside the place's root.
        return [
            "env", "--chdir=/", "sh", "-ec", START, "sh", str(runtime / "made"), str(runtime / "pid"),
            f"CONTAINERS_CONF={runtime / 'containers.conf'}", f"CONTAINERS_STORAGE_CONF={runtime / 'storage.conf'}",
            "podman", "--root", str(self.data_root), "--runroot", str(runtime / "x"), "--tmpdir", str(runtime / "t"),
            "--storage-driver", driver.daemon_name,
            *[word for option in storage_options for word in ("--storage-opt", option)],
            "system", "service", "--time=0", f"unix://{runtime / 's'}",
        ]  # fmt: skip

    def _command(self, *words: str) -> str:
        """The output of the `podman` command as a client of the service, or its error text if it fails."""
        try:
            return self.place.run(["podman", "--url", f"unix://{self._runtime / 's'}", *words])
        except ProgramFailed as refusal:
            return str(refusal)


def toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Write tables of strings, numbers and lists as TOML; JSON writes such values in the same way."""
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"
