"""A fleet with a node behind a real sshd(8) and a real ssh(1), on loopback, in namespaces of its own."""

import getpass
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from roadworthy.deadline import wait_until
from roadworthy.programs import run, tied
from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep.reaper import reap

pytestmark = [pytest.mark.real, pytest.mark.builds]
PACKAGES = ["openssh-server", "openssh-client", "libwrap0"]
CHECKS = ["--pyargs", "roadworthy.conformance.posix.test_rename", "-m", "not slow"]
#: sshd wants a user and a directory that its package would make; /run and /etc/passwd are its own below this.
SERVE = """
mount -t tmpfs -o mode=0755 roadworthy /run
mkdir /run/sshd
cp /etc/passwd /run/passwd
grep -q ^sshd: /run/passwd || echo sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin >>/run/passwd
mount --bind /run/passwd /etc/passwd
exec "$@"
"""


@pytest.fixture(scope="module")
def openssh(tmp_path_factory):
    """The programs of the packages, unpacked and not installed: nobody's machine gets a service from a test."""
    debs, root = tmp_path_factory.mktemp("debs"), tmp_path_factory.mktemp("openssh")
    run(["env", f"--chdir={debs}", "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *PACKAGES], 300)
    for deb in debs.iterdir():
        run(["dpkg-deb", "--extract", deb, root])
    return root


class Server:
    """An sshd that serves this user with one key, until it is closed; its sessions end with it."""

    def __init__(self, programs, place):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("host", "user"):
            run([programs / "usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name])
        settings = {
            "ListenAddress": f"127.0.0.1:{self.port}", "HostKey": place / "host", "PidFile": "none", "UsePAM": "no",
            "AuthorizedKeysFile": place / "user.pub", "StrictModes": "no", "PermitRootLogin": "prohibit-password",
            "PasswordAuthentication": "no",
        }  # fmt: skip
        (place / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        known = f"[127.0.0.1]:{self.port} {(place / 'host.pub').read_text()}"
        (place / "known_hosts").write_text(known)
        self.config = place / "ssh_config"
        self.config.write_text(
            f"Host far\n  HostName 127.0.0.1\n  Port {self.port}\n  User {getpass.getuser()}\n  BatchMode yes\n"
            f"  IdentityFile {place}/user\n  IdentitiesOnly yes\n  UserKnownHostsFile {place}/known_hosts\n"
        )
        library = f"LD_LIBRARY_PATH={programs}/usr/lib/{os.uname().machine}-linux-gnu"
        serve = ["env", library, programs / "usr/sbin/sshd", "-D", "-e", "-f", place / "sshd_config"]
        namespaces = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._log = (place / "sshd.log").open("w+")
        self._process = subprocess.Popen(
            tied([*namespaces, "sh", "-ec", SERVE, "sh", *serve]), stdin=subprocess.DEVNULL, stderr=self._log
        )
        wait_until(lambda: "Server listening" in self.log() or self._process.poll() is not None, 20, "sshd to listen")
        assert self._process.poll() is None, self.log()

    def log(self):
        return Path(self._log.name).read_text()

    def close(self):
        if self._process.poll() is None:
            self._process.kill()  # and with it, as the end of their process namespace, all of its sessions
            self._process.wait(20)
        self._log.close()


@pytest.fixture
def server(openssh, tmp_path):
    made = Server(openssh, tmp_path)
    yield made
    made.close()
    for _ in reap():  # as the next run on that host would
        continue


@pytest.fixture
def start(openssh, server, tmp_path):
    """Starts a run over this host and the one behind ssh; its process."""
    python = f'python = "{sys.executable}"'
    (tmp_path / "fleet.toml").write_text(
        f'[[node]]\nname = "far"\nssh = "-F {server.config} far"\n{python}\n\n'
        f'[[node]]\nname = "here"\nlocal = true\n{python}\n'
    )
    started = []
    with tempfile.TemporaryDirectory(prefix="roadworthy-") as temporary, (tmp_path / "output").open("w") as output:

        def begin(*words):
            given = {"PATH": f"{openssh}/usr/bin:{os.environ['PATH']}", "TMPDIR": temporary}
            command = [sys.executable, "-m", "pytest", "--inventory=fleet.toml", f"--bundle={tmp_path}/bundle", *words]
            process = subprocess.Popen(
                tied([*command, "-p", "no:cacheprovider"]), cwd=tmp_path, env=os.environ | given,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
            started.append(process)
            return process

        yield begin
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait(20)


def said(tmp_path):
    return (tmp_path / "output").read_text()


def test_lanes_run_behind_ssh(start, server, tmp_path):
    """The suite travels over the connection, and what was found there is in the one bundle."""
    process = start(*CHECKS, "--driver=overlay2,vfs,native")
    assert process.wait(400) == 0, said(tmp_path) + server.log()
    found = read_bundle(tmp_path / "bundle")
    assert found.troubles == ()
    assert {record.facts["node"] for record in found.lanes} == {"far", "here"}
    assert sorted((one.lane, one.check) for one in found.results) == sorted(found.plan.cells)
    assert "Accepted publickey" in server.log()


def test_a_host_that_goes_away_behind_ssh_is_a_lost_node(start, server, tmp_path):
    """ssh ends with its own words, the check that ran there is an error, and its lane runs here."""
    process = start(*CHECKS, "--driver=overlay2,vfs", "--backing=ext4,xfs")
    told = tmp_path / "bundle/workers/far-1/bundle.jsonl"
    end = time.monotonic() + 300
    while not told.exists() or told.read_text().count('"type":"result"') < 5:
        assert process.poll() is None, said(tmp_path)
        assert time.monotonic() < end, said(tmp_path)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    server.close()
    assert process.wait(400) == 1, said(tmp_path)
    assert "node far is lost" in said(tmp_path)
    found = read_bundle(tmp_path / "bundle")
    assert found.troubles == (), "every cell has reported"
    (lost,) = [one for one in found.results if one.verdict not in ("pass", "known", "unsupported")]
    assert (lost.verdict, lost.reason) == ("error", "its worker on node far was lost while it ran")


def test_a_key_that_the_host_refuses_is_said(start, server, tmp_path):
    """The node is named with ssh's own words, and the others do the work."""
    (tmp_path / "user.pub").write_text("")
    process = start(*CHECKS, "--driver=native")
    assert process.wait(200) == 0, said(tmp_path)
    assert "far" in said(tmp_path)
    assert "Permission denied (publickey" in said(tmp_path)
