"""The wheel that travels to nodes: what pip would install, made from the package that runs."""

import hashlib
import io
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

from roadworthy.fleet.wheel import PACKAGE, wheel


def test_it_is_a_wheel_with_everything(tmp_path):
    """Every member is in RECORD with its digest; the linked folders are in it; pip takes it."""
    data = wheel()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        (record,) = (name for name in names if name.endswith(".dist-info/RECORD"))
        listed = dict(line.rsplit(",", 2)[:2] for line in archive.read(record).decode().splitlines())
        for name in names:
            digest = urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest()).decode().rstrip("=")
            assert listed[name] in (f"sha256={digest}", ""), name
        version = archive.read(record.replace("RECORD", "METADATA")).decode()
    assert {"roadworthy/plugin.py", "roadworthy/conformance/messages.toml", "roadworthy/reports/templates"} - set(
        names
    ) == {"roadworthy/reports/templates"}
    assert not [name for name in names if "__pycache__" in name]
    assert f"Version: {record.split('-')[1].removesuffix('.dist')}" in version
    path = tmp_path / f"{record.partition('.dist-info')[0]}-py3-none-any.whl"
    path.write_bytes(data)
    words = ["install", "-q", "--no-deps", "--no-index", "--no-compile", "--target", tmp_path / "there", path]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True, timeout=120)
    for name in ("plugin.py", "conformance/posix/test_rename.py", "calls/agent.py"):
        assert (tmp_path / "there/roadworthy" / name).read_bytes() == (PACKAGE / name).read_bytes()


def test_one_suite_makes_one_wheel():
    """Whoever asks later gets the same bytes."""
    assert wheel() == wheel()
    assert Path(PACKAGE, "fleet/wheel.py").exists()
