"""A private Podman, served through Docker's API: own graph root on the backing under test, own socket, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from roadworthy.drivers.base import Driver
from roadworthy.engines.engine import Engine
from roadworthy.programs import ProgramFailed
from roadworthy.reasons import Unsupported

#: What Docker gives a container: the sandbox must not be what tells the two engines' columns apart.
CAPABILITIES = ("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
                "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")  # fmt: skip

#: containers.conf(5). The runtime is crun, or runc where there is no crun. A limit on processes needs a controller that
#: a hybrid hierarchy does not have for cgroup2.
CONFIGURATION: dict[str, dict[str, object]] = {
    "containers": {
        "default_capabilities": list(CAPABILITIES), "default_sysctls": [], "log_driver": "k8s-file", "pids_limit": 0,
    },
    "engine": {"cgroup_manager": "cgroupfs", "events_logger": "file"},
}  # fmt: skip

#: Podman's locks lie in shared memory under a fixed name, and crun refuses a hybrid cgroup hierarchy: the place gets
#: both for itself, once, in the mount namespace that everything in it shares.
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
    """`podman system service`. There is no daemon behind it: containers belong to their conmon, and outlive it."""

    name = "podman"
    program = "podman system service"
    programs = (("podman", "podman"), ("conmon", "conmon"))
    directory = "podman"

    def _command_line(
        self, driver: Driver, storage_options: Sequence[str], cgroup: str, extra: Sequence[str]
    ) -> list[str]:
        if extra:
            raise Unsupported("the runtime of a mutant is given to dockerd only")
        # The cgroupfs manager has no setting for all containers' parent: each is told it when it is made.
        self.container_settings = {"cgroup_parent": f"/{cgroup}"} if cgroup else {}
        runtime, copies = self._runtime, self.data_root / "tmp"
        self.place.path(copies).mkdir(parents=True)
        settings = {**CONFIGURATION, "engine": {**CONFIGURATION["engine"], "image_copy_tmp_dir": str(copies)}}
        self.place.path(runtime / "containers.conf").write_text(toml(settings))
        # 4.3 wants both roots in a file that it is given, though the command line has them.
        roots = {"graphroot": str(self.data_root), "runroot": str(runtime / "x")}
        storage = {"storage": {"driver": driver.daemon_name, **roots}}
        self.place.path(runtime / "storage.conf").write_text(toml(storage))
        # conmon cleans up with the same words, so what matters is on the command line. It insists on a working
        # directory, and that of a process which was sent into a place lies outside the place's root.
        return [
            "env", "--chdir=/", "sh", "-ec", START, "sh", str(runtime / "made"), str(runtime / "pid"),
            f"CONTAINERS_CONF={runtime / 'containers.conf'}", f"CONTAINERS_STORAGE_CONF={runtime / 'storage.conf'}",
            "podman", "--root", str(self.data_root), "--runroot", str(runtime / "x"), "--tmpdir", str(runtime / "t"),
            "--storage-driver", driver.daemon_name,
            *[word for option in storage_options for word in ("--storage-opt", option)],
            "system", "service", "--time=0", f"unix://{runtime / 's'}",
        ]  # fmt: skip

    def _command(self, *words: str) -> str:
        """What the `podman` command answers as a client of the service, or what it says where it refuses."""
        try:
            return self.place.run(["podman", "--url", f"unix://{self._runtime / 's'}", *words])
        except ProgramFailed as refusal:
            return str(refusal)


def toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Tables of texts, numbers and lists; JSON's values of these kinds are TOML's."""
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"
