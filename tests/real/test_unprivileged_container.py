"""A run in a container without privileges, as most CI systems give one."""

import io
import sys
from pathlib import Path

import pytest
from private_daemon import private_daemon

from roadworthy.reports.bundle import read_bundle
from roadworthy.trees.layers import Directory, entry, layer_tar, write_archive

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.real

CHECK = """
from roadworthy import *

@check("sample/some")
def test_some(fs):
    '''It holds.'''
    fs.getpid()
"""
#: What the interpreter and the suite's programs need of this host.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")


def test_F39_in_a_container_without_privileges_the_run_is_skipped_with_a_sentence(tmp_path):
    """Root of a container with Docker's default rights is told which right it lacks; the bundle is complete."""
    (tmp_path / "test_sample.py").write_text(CHECK)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    here = [*SYSTEM, sys.base_prefix, str(ROOT)]
    binds = {path: {"bind": path, "mode": "ro"} for path in here}
    words = [sys.executable, "-B", "-m", "pytest", "--driver=overlay2", "--bundle=bundle", "-p", "no:cacheprovider"]
    archive = io.BytesIO()
    write_archive(archive, "sample:empty", [layer_tar({"tmp": entry(Directory())})])
    with private_daemon("vfs") as engine:
        engine.client.images.load(archive.getvalue())
        made = engine.client.containers.create(
            "sample:empty", words, network_mode="none", working_dir=str(tmp_path),
            volumes={**binds, str(tmp_path): {"bind": str(tmp_path), "mode": "rw"}},
        )  # fmt: skip
        made.start()
        status, said = made.wait(timeout=120)["StatusCode"], made.logs().decode()
    assert status == 1, said
    assert "needs CAP_SYS_ADMIN" in said
    found = read_bundle(tmp_path / "bundle")
    assert [result.verdict for result in found.results] == ["skipped"]
    assert found.troubles == ()
