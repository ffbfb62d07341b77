"""Fixtures of the report's tests: sample bundles, and a browser where there is one."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile
import pytest
import sample
import sample_cuts
from sample_site import made

from roadworthy.reports.bundle import FILE_NAME, Bundle, read_bundle
from roadworthy.reports.site.values import Site

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=4000",
    "--enable-logging=stderr",
]

Browser = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """The sample run, read back."""
    return read_bundle(sample.write(tmp_path / "sample", sample.records()))


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Run headless Chromium on an address with more flags; its output is the DOM, its errors the console."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")

    def run(address: str, *flags: str) -> subprocess.CompletedProcess[str]:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [program, *FLAGS, profile, *(flags or ("--dump-dom",)), address]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    return run


@pytest.fixture(scope="session")
def whole_site(tmp_path_factory) -> tuple[Site, Path]:
    """A site of two editions with everything in it: all verdicts, benchmarks, trends, counts, power cuts, changes."""
    root = tmp_path_factory.mktemp("bundles")
    sample.write(root / "2026-11-22" / "run", sample.records(sample.plan("before", "2026-11-22T02:00:00Z"), seed=8))
    sample.write(root / "2026-11-23" / "run", sample.records())
    sample.write(root / "2026-11-23" / "cuts", sample_cuts.records())
    public = root.parent / "public"
    return made(root, public), public


@pytest.fixture(scope="session")
def attacked_site(tmp_path_factory) -> tuple[Site, Path]:
    """A site of a bundle whose every text attacks its reader."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "2026-11-30").mkdir()
    (root / "2026-11-30" / FILE_NAME).write_bytes(hostile.lines("http://attacker.example"))
    public = root.parent / "attacked"
    return made(root, public), public


@pytest.fixture(params=["whole_site", "attacked_site"])
def any_site(request) -> tuple[Site, Path]:
    found: tuple[Site, Path] = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A web server on this host, and the paths that were asked of it."""
    paths: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
