"""What a page publishes: a page of a bundle that is full of secrets has none of them."""

from __future__ import annotations

import getpass
import json
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sample
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.page import page_text
from roadworthy.reports.published import FACTS, options, published
from roadworthy.reports.records import Benchmark, Call, Count, LaneRecord, Observation, Plan, Result, Trend
from roadworthy.reports.redaction import GONE, Redaction, of_this_machine
from roadworthy.run.session import page_beside

#: What must not be on a page, each in the form in which it gets into a bundle.
SECRETS = {
    "home": "/home/alice/src/acme",
    "state": "/srv/acme-ci/state",
    "work": "/opt/acme/checkout",
    "temporary": "/tmp/pytest-of-alice/pytest-7",
    "run": "/run/roadworthy/20261130-1/m/docker",
    "device": "/dev/mapper/vg_acme-root",
    "address": "10.9.8.7:2024",
    "hardware": "52:54:00:ab:cd:ef",
    "mail": "alice@acme.example.com",
    "server": "http://ci.acme.internal:5000/job/77",
    "token": "vsock://3:1024/token-s3cr3t",
}
#: Text in which all of them stand, as a message of an engine would have them.
TEXT = "; ".join([*SECRETS.values(), *(f"b'\\n{value}' --root={value}" for value in SECRETS.values())])


def secretive() -> list[Any]:
    """A run in whose every text a secret stands, in facts that nobody knows, and in options of its command line."""
    found: list[Any] = []
    for record in sample.records():
        match record:
            case Plan():
                suite = record.suite | {"python": SECRETS["home"], "host": "build77", "user": "alice"}
                argv = ["pytest", f"--bundle={SECRETS['work']}/b", "--token", "s3cr3t-argv", "-m", f"not {TEXT}",
                        "-k", "rename", "--repeat=3", f"--matrix={SECRETS['home']}/nightly.toml"]  # fmt: skip
                found.append(msgspec.structs.replace(record, suite=suite, argv=argv))
            case LaneRecord():
                facts = json.loads(json.dumps(record.facts))
                boot = f"console=ttyS0 rdinit=/process_api -- --addr {SECRETS['address']} secret=s3cr3t"
                facts["kernel"]["command line"] = f"{boot} overlay.metacopy=on"
                facts["engine"]["Root Dir"] = SECRETS["state"]
                facts["host"] = {"name": "build77", "user": "alice", "memory": 1 << 30}
                facts["environment"] = {"HOME": SECRETS["home"], "TOKEN": "s3cr3t"}
                facts["backing"] = {
                    "mount": f"36 1 7:0 / {SECRETS['run']} rw,relatime - ext4 {SECRETS['device']} rw,errors=remount-ro",
                    "device": SECRETS["device"],
                }
                found.append(msgspec.structs.replace(record, facts=facts, reason=TEXT))
            case Result():
                log = [f"[ 1.0] audit: user=alice hostname=build77 {TEXT}", "[ 1.1] usb 1-1: SerialNumber: s3cr3t",
                       f"[ 1.2] EXT4-fs (loop0): mounted {TEXT}"]  # fmt: skip
                recorded = record.deviation and msgspec.structs.replace(record.deviation, why=TEXT, source=TEXT)
                found.append(msgspec.structs.replace(
                    record, reason=TEXT, kernel_log=log, deviation=recorded,
                    observations=[Observation(TEXT, TEXT)],
                    transcript=[Call("A", f"open('{SECRETS['home']}')", TEXT)],
                ))  # fmt: skip
            case Benchmark():
                found.append(msgspec.structs.replace(record, reason=TEXT, workload={"directory": TEXT, TEXT: 1},
                                                     method={"where": TEXT}))  # fmt: skip
            case Trend() | Count():
                found.append(msgspec.structs.replace(record, promise=TEXT))
            case _:
                found.append(record)
    return found


@pytest.fixture
def bundle(tmp_path: Path):
    return read_bundle(sample.write(tmp_path / "alice-night", secretive()))


def test_no_secret_of_a_bundle_reaches_its_page(bundle):
    """No path of the machine, address, boot command line, unknown fact, option, or foreign kernel message."""
    refused = [f"{SECRETS['home']}/night-3/bundle.jsonl, line 2: expected a plan"]
    page = page_text([bundle], refused=refused)
    told = [*SECRETS.values(), "s3cr3t", "acme", "build77", "process_api", "alice", "--addr", "rdinit", "SerialNumber",
            "vg_", "token"]  # fmt: skip
    assert [secret for secret in told if secret in page] == []
    assert "night-3/bundle.jsonl, line 2: expected a plan" in page
    assert 'open(\\"/\\u2026' in page


def test_what_verdicts_depend_on_stays(bundle):
    """Versions, mount options, module parameters, what was asked, and what the kernel said of storage are published."""
    page = page_text([bundle])
    for text in ("overlay.metacopy=on and 6 more", "ext4 rw,relatime,errors=remount-ro", "6.12.57-1", "4f1c9a2",
                 "--repeat=3 --matrix=nightly.toml", "-k rename", "EXT4-fs (loop0): mounted", "1.1.5"):  # fmt: skip
        assert text in page, text
    assert "(2 messages that are not of storage are in the bundle)" in page


def test_names_that_are_told_are_hidden_everywhere(tmp_path):
    """`roadworthy site --redact` hides a name in every text, whatever its case."""
    records = [
        msgspec.structs.replace(one, reason="on Pluto: pluto refused") if isinstance(one, Result) else one
        for one in sample.records()
    ]
    directory = sample.write(tmp_path / "b", records)
    for words, shown in (([], True), (["--redact=pluto"], False), (["--redact=mars", "--redact=PLUTO"], False)):
        output = tmp_path / f"{len(words)}.html"
        done = CliRunner().invoke(main, ["site", str(directory), f"--output={output}", *words])
        assert done.exit_code == 0, done.output
        assert ("pluto" in output.read_text().lower()) is shown


def test_a_run_hides_the_names_of_its_own_machine(tmp_path, monkeypatch):
    """The page beside a bundle has neither the host's name nor the user's, unless they are words of the suite."""
    monkeypatch.setattr(socket, "gethostname", lambda: "pluto.solar.example")
    monkeypatch.setattr(getpass, "getuser", lambda: "overlay2")
    monkeypatch.delenv("SUDO_USER", raising=False)
    records = [
        msgspec.structs.replace(one, reason="pluto refused") if isinstance(one, Result) else one
        for one in sample.records()
    ]
    writer = type("Writer", (), {"directory": sample.write(tmp_path / "b", records)})()
    page = page_beside(writer, print)
    text = page.read_text()
    assert "pluto" not in text
    assert "overlay2-ext4-docker20.10" in text
    assert of_this_machine(["overlay2-ext4"]) == ["pluto", "pluto.solar.example"]
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    assert of_this_machine([]) == ["pluto", "pluto.solar.example"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/proc/self/maps and /etc/hosts", "/proc/self/maps and /etc/hosts"),
        ("rename('/c/a/b', '/volume/x')", "rename('/c/a/b', '/volume/x')"),
        ("POST /v1.41/images/load", "POST /v1.41/images/load"),
        ("PATH=/usr/bin:/home/me/bin:/bin", f"PATH=/usr/bin:/{GONE}:/bin"),
        ("lowerdir=/run/roadworthy/1/m:/run/roadworthy/2/m", f"lowerdir=/{GONE}:/{GONE}"),
        ("/var/lib/docker/overlay2/x", "/var/lib/docker/overlay2/x"),
        ("/var/lib/acme/x and /var/mail/me", f"/{GONE} and /{GONE}"),
        ("/dev/loop0 /dev/vdb1 /dev/disk/by-id/x", f"/dev/loop0 /dev/vdb1 /{GONE}"),
        ("//home//me//x", f"/{GONE}"),
        ("cc -I/home/me/include -c", f"cc -I/{GONE} -c"),
        ("https://docs.kernel.org/filesystems/overlayfs.html", "https://docs.kernel.org/filesystems/overlayfs.html"),
        ("https://me:word@example.org/x", GONE),
        ("copy-up/first-write/lower@64KiB", "copy-up/first-write/lower@64KiB"),
        ("conformance/posix/test_rename.py::test_x[a/b]", "conformance/posix/test_rename.py::test_x[a/b]"),
        ("runc 1.1.5, 2026-11-30T12:39:17Z, 0:48", "runc 1.1.5, 2026-11-30T12:39:17Z, 0:48"),
        ("listening on 192.168.7.9:2375", f"listening on {GONE}"),
        ("fsid e03e8eed-6455-404d-a690-45a65671b83d", "fsid e03e8eed-6455-404d-a690-45a65671b83d"),
    ],
)  # fmt: skip
def test_texts_keep_what_is_of_containers(text, shown):
    """Paths of containers and of every Linux stay, and so do versions, times, names of checks, and public addresses."""
    assert Redaction()(text) == shown


@pytest.mark.parametrize("name", ["engine.Name", "host.name", "backing.device", "driver.status.Data loop file", "argv",
                                  "driver.status.Pool Name", "environment.HOME", "kernel.hostname"])  # fmt: skip
def test_facts_that_are_not_listed_are_not_published(name):
    assert not FACTS.fullmatch(name)


def test_options_that_are_not_listed_are_not_published():
    """What was asked is told; where things lie is not."""
    argv = ["bench", "-m", "smoke", "--bundle=/x", "--keep", "-q", "--cuts", "all", "--isolate", "-p", "no:x"]
    assert options(argv) == ["-m", "smoke", "--cuts", "all", "--isolate"]


def test_what_was_published_can_be_published_again(tmp_path):
    """A bundle of published parts loses nothing more: the published form is a fixed point."""
    redact = Redaction()
    once = published(read_bundle(sample.write(tmp_path / "secretive", secretive())), redact)
    facts = once.lanes[0].facts
    assert facts["backing"]["mount"] == "ext4 rw,relatime,errors=remount-ro"
    assert facts["kernel"]["command line"] == "overlay.metacopy=on and 6 more"
    assert published(once, redact) == once
