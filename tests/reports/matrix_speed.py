"""Measure a matrix page in Chromium: bytes, the time to its first filter, to a cell's evidence, and to no filter.

    python tests/reports/matrix_speed.py PUBLIC/matrix.html

Times are of this machine, and no test depends on them. Each ends when the browser has laid the page out.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

PROBE = """
addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("#q"), pane = document.querySelector(".pane"), found = {};
  const timed = (name, act) => {
    const begun = performance.now();
    act();
    pane.getBoundingClientRect();
    found[name] = Math.round(10 * (performance.now() - begun)) / 10;
  };
  const type = (text) => { box.value = text; box.dispatchEvent(new Event("input", { bubbles: true })); };
  pane.getBoundingClientRect();
  found.ready = Math.round(performance.now());
  timed("first filter", () => type("driver:overlay2 is:differs"));
  timed("second filter", () => type("verdict:known rename"));
  timed("no filter", () => type(""));
  timed("only text", () => type("link"));
  timed("reset", () => document.querySelector("#reset").click());
  const cell = document.querySelector("tr[data-check]:not([hidden]) td.v-known, tr[data-check] td.v-fail");
  const begun = performance.now();
  new MutationObserver(() => {
    if (found.cell || !document.querySelector("#drawer h3")) return;
    document.querySelector("#drawer").getBoundingClientRect();
    found.cell = Math.round(10 * (performance.now() - begun)) / 10;
    document.body.dataset.found = JSON.stringify(found);
  }).observe(document.querySelector("#drawer"), { childList: true, subtree: true });
  cell.click();
});
"""


@click.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--times", default=3, help="How often; the median of each number is printed.")
def main(page: Path, times: int) -> None:
    """Print what PAGE weighs, and how long it takes."""
    program = shutil.which("chromium") or sys.exit("needs Chromium")
    probe, copy = page.with_name(".probe.js"), page.with_name(".probe.html")
    text = page.read_text()
    every = []
    try:
        probe.write_text(PROBE)
        copy.write_text(text.replace("</head>", '<script src=".probe.js"></script></head>', 1))
        for _ in range(times):
            with tempfile.TemporaryDirectory() as profile:
                command = [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
                           "--timeout=60000", "--dump-dom", copy.resolve().as_uri()]  # fmt: skip
                done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
            found = re.search(r'data-found="([^"]*)"', done.stdout)
            if found:
                every.append(json.loads(found[1].replace("&quot;", '"')))
    finally:
        probe.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
    rows, cells = text.count("<tr data-check"), len(re.findall(r'<td class="v-', text))
    click.echo(f"{page}: {len(text.encode()):,} bytes, {rows} rows, {cells} cells")
    for name in every[0] if every else ():
        numbers = sorted(one[name] for one in every)
        click.echo(f"{name:>14}  {numbers[len(numbers) // 2]} ms of {numbers}")


if __name__ == "__main__":
    main()
