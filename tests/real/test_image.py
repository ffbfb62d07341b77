"""The image of Containerfile: built by a real daemon, it runs a lane, and says which flags it lacks.

No registry is reached: the base image has the name that the document gives it, and is a root of the distribution with
the packages that the Containerfile would install.
"""

import re
import shutil
import subprocess
import sys

import pytest
from docker.errors import ContainerError
from newcomer import ROOT, Newcomer
from private_daemon import private_daemon

from roadworthy.machines.host import effective
from roadworthy.reports.bundle import FILE_NAME, read_bundle
from roadworthy.supplies.bootstrap import bootstrap

pytestmark = [pytest.mark.real, pytest.mark.builds]
RECIPE = (ROOT / "Containerfile").read_text()
BASE = re.search(r"^ARG BASE=(\S+)$", RECIPE, re.MULTILINE)[1]
PACKAGES = re.search(r'^ARG PACKAGES="(.+)"$', RECIPE, re.MULTILINE)[1].split()
#: Capabilities in the order of their numbers, see capabilities(7); the first 37 are older than Docker 20.10.
NAMES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND"
)
CAPABILITIES = NAMES.split()


def privileged():
    """What --privileged is to the SDK, or its parts on a host whose root lacks a capability that it would give."""
    held = [name for number, name in enumerate(CAPABILITIES) if effective() >> number & 1]
    if held == CAPABILITIES:
        return {"privileged": True}
    return {
        "cap_add": held, "security_opt": ["seccomp=unconfined"], "device_cgroup_rules": ["a *:* rwm"],
        "cgroupns": "host", "volumes": ["/sys/fs/cgroup:/sys/fs/cgroup"],
    }  # fmt: skip


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout with the packages that pip would fetch, in wheels/."""
    place = Newcomer(tmp_path_factory.mktemp("image") / "checkout").directory
    (place / ".venv").unlink()
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "download"]
    wanted = ["--only-binary=:all:", "--python-version=3.11", f"--dest={place / 'wheels'}"]
    needed = re.findall(r'"(.+?)"', re.search(r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(),
                                              re.MULTILINE | re.DOTALL)[1])  # fmt: skip
    subprocess.run([*pip, *wanted, "setuptools>=75", *needed], check=True, timeout=600)
    return place


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The client of a private daemon that has the base image."""
    tree = tmp_path_factory.mktemp("base") / "tree"
    bootstrap("bookworm", PACKAGES, tree, devices=True)
    archive = tree.with_suffix(".tar")
    subprocess.run(["tar", "--create", f"--file={archive}", f"--directory={tree}", "."], check=True, timeout=300)
    shutil.rmtree(tree)
    with private_daemon("overlay2", size=8 << 30) as engine:
        name, _, tag = BASE.partition(":")
        engine.client.api.import_image_from_file(str(archive), repository=name, tag=tag)
        archive.unlink()
        yield engine.client


@pytest.fixture(scope="module")
def image(client, checkout):
    """The image, built as the document says, but for what is fetched."""
    given = {"PACKAGES": "", "PIP": "--no-index --find-links=/src/wheels", "EXTRAS": ""}
    built, _ = client.images.build(
        path=str(checkout), dockerfile="Containerfile", tag="roadworthy", buildargs=given, network_mode="none"
    )
    return built.id


def said(client, image, *words, **flags):
    """What a container of the image prints, on both of its outputs; its exit status if that is not 0."""
    try:
        return client.containers.run(
            image, list(words), remove=True, network_mode="none", stdout=True, stderr=True, **flags
        ).decode()
    except ContainerError as reason:
        return f"[exit status {reason.exit_status}]\n{reason.stderr.decode()}"


def test_the_image_answers(client, image):
    """What starts no daemon takes no flags."""
    assert "Usage: roadworthy" in said(client, image)
    assert "rename/lower-empty-dir" in said(client, image, "explain", "rename/lower-empty-dir")


@pytest.mark.parametrize("given", ["", "--privileged", "--volume=/dev:/dev"])
def test_a_missing_flag_is_named(client, image, given):
    """It says what each flag is for, and the whole command line."""
    flags = {"--privileged": privileged(), "--volume=/dev:/dev": {"volumes": ["/dev:/dev"]}}.get(given, {})
    lacking = [flag for flag in ("--privileged", "--volume=/dev:/dev") if flag != given]
    text = said(client, image, "run", "--driver=overlay2", **flags)
    assert text.startswith("[exit status 3]\n")
    assert re.findall(r"^needs (\S+): ", text, re.MULTILINE) == lacking
    assert "docker run --rm --privileged --volume=/dev:/dev " in text


def test_the_image_runs_a_lane(client, image, tmp_path):
    """With its flags, it starts a daemon of its own, and its results lie where the user mounts a directory."""
    client.volumes.create("results")
    words = ["run", "--driver=overlay2", "-m", "not slow", "-k", "identity or rename"]
    flags = privileged()
    volumes = [*flags.pop("volumes", []), "/dev:/dev", "results:/results"]
    text = said(client, image, *words, volumes=volumes, **flags)
    assert "[exit status" not in text, text
    kept = client.containers.create(image, volumes=["results:/results"])
    stream, _ = kept.get_archive("/results/bundles")
    archive = tmp_path / "results.tar"
    archive.write_bytes(b"".join(stream))
    subprocess.run(["tar", "--extract", f"--file={archive}", f"--directory={tmp_path}"], check=True, timeout=60)
    (bundle,) = tmp_path.glob(f"bundles/*/{FILE_NAME}")
    end = read_bundle(bundle).end
    assert (end.exit_status, end.counts.get("error", 0)) == (0, 0)
    assert end.counts["pass"] > 50
    assert bundle.with_name("index.html").exists()
