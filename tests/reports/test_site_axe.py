"""Every kind of page by axe-core: nothing serious, wide and narrow, light and dark.

axe-core is not part of the suite. It is taken from the npm registry once, by npm, and kept in pytest's cache; where
there is no npm or no registry, these tests are skipped.
"""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import sample
import sample_cuts
import sample_small as small

from roadworthy.command.beside import known
from roadworthy.reports.kills import read_kills
from roadworthy.reports.site.making import make
from roadworthy.reports.weekly import read_weekly

ROOT = Path(__file__).parents[2]
PACKAGE = "axe-core@4"
PROBE = """
addEventListener("load", async () => {
  const found = {};
  for (const theme of ["light", "dark"]) {
    document.documentElement.dataset.theme = theme;
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    found[theme] = violations.filter((one) => ["serious", "critical"].includes(one.impact)).map((one) =>
      `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target} ${node.html.slice(0, 160)}`).join(" | ")}`);
  }
  found.wide = document.documentElement.scrollWidth - innerWidth;
  document.body.dataset.found = JSON.stringify(found);
});
"""
#: One page of each kind, by its address.
PAGES = [
    "index.html", "matrix.html", "driver/overlay2.html", "check/rename/merged-dir.html", "kernels/overlay2.html",
    "compare/index.html", "move.html", "claims.html", "findings.html", "durability.html", "kills.html", "method.html",
    "weekly.html", "lanes.html", "runs.html", "edition/2026-11-30/index.html", "benchmarks/index.html", "errors.html",
    "options.html", f"matrix.html#q=is:differs&at=rename/merged-dir@{small.NEW.id}",
]  # fmt: skip


@pytest.fixture(scope="session")
def axe(request):
    """The script, from the cache or from the registry."""
    npm = shutil.which("npm")
    kept = Path(request.config.cache.mkdir("axe-core"))
    script = kept / "node_modules/axe-core/axe.min.js"
    if not script.is_file():
        if npm is None:
            pytest.skip("needs npm, which brings axe-core")
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(kept), PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot bring axe-core: {done.stderr.strip().splitlines()[-1:]}")
    return script


@pytest.fixture(scope="module")
def public(tmp_path_factory, axe):
    """A site with a page of every kind."""
    root, out = tmp_path_factory.mktemp("bundles"), tmp_path_factory.mktemp("site") / "public"
    small.write(root)
    sample.write(root / "2026-11-30" / "cuts", sample_cuts.records())
    sample.write(root / "2026-11-30" / "sample", sample.records())
    make(root, out, (), read_kills(ROOT / "mutants/kills.json"), read_weekly(ROOT / "docs/weekly.json"), known())
    shutil.copy(axe, out / "axe.js")
    (out / "probe.js").write_text(PROBE)
    return out


@pytest.mark.parametrize("width", [420, 1400])
@pytest.mark.parametrize("address", PAGES)
def test_nothing_serious(browser, public, address, width):
    """axe finds nothing serious in either theme, and no page is wider than its window."""
    address, mark, place = address.partition("#")
    page = public / address
    up = "../" * address.count("/")
    copy = page.with_name(f"probed-{width}-{page.name}")
    scripts = f'<script src="{up}axe.js"></script><script src="{up}probe.js"></script></head>'
    copy.write_text(page.read_text().replace("</head>", scripts, 1))
    done = browser(
        f"{copy.as_uri()}{mark}{place}", "--dump-dom", f"--window-size={width},900", "--virtual-time-budget=60000"
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    told = json.loads(html.unescape(found[1]))
    assert told["light"] == []
    assert told["dark"] == []
    assert told["wide"] <= 0
