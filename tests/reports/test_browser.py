"""The page in a real browser, from a file: filters, drawer, keys, and hostile text that stays text."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from pathlib import Path

import hostile
import pytest
import sample
import sample_cuts

from roadworthy.reports import cuts
from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.page import write_page

CELL = "cell:overlay2-ext4-docker20.10-linux6.1:rename/merged-directory"


@pytest.fixture
def page(tmp_path: Path, bundle) -> Path:
    write_page([bundle], tmp_path / "page.html")
    return tmp_path / "page.html"


def shown_rows(dom: str) -> list[str]:
    return re.findall(r'<tr class="check[^"]*" id="row:([^"]*)"(?![^>]*hidden)', dom)


def complaints(log: str) -> list[str]:
    return [line for line in log.splitlines() if "CONSOLE" in line]


def test_page_opens_whole_from_a_file(browser, page):
    """Without an address part all rows are shown, and the browser has nothing to complain about."""
    done = browser(page.as_uri())
    assert "120 of 120 rows shown" in done.stdout
    assert len(shown_rows(done.stdout)) == 120
    assert complaints(done.stderr) == []


@pytest.mark.parametrize(
    ("address", "rows"),
    [
        ("text=rename&verdict=known", ["rename/merged-directory", "rename/exchange-directories"]),
        ("verdict=hang", ["locks/deadlock-detected"]),
        ("verdict=hang&verdict=crash", ["locks/deadlock-detected", "durability/syncfs"]),
        ("verdict=hang&driver=overlay2", []),
        ("text=handle%20page%20fault", ["durability/syncfs"]),
    ],
    ids=["text-and-verdict", "verdict", "two-verdicts", "hidden-driver", "observation"],
)
def test_filters_come_from_the_address(browser, page, address, rows):
    """A link restores its filters: rows, count, and the fields of the filter bar."""
    dom = browser(f"{page.as_uri()}#{address}").stdout
    assert shown_rows(dom) == rows
    assert f"{len(rows)} of 120 rows shown" in dom


def test_driver_filter_hides_other_columns(browser, page):
    """Choosing a driver leaves its lanes, in the head and in the rows."""
    dom = browser(f"{page.as_uri()}#driver=containerd:overlayfs").stdout
    heads = re.findall(r'<th class="lane[^>]*data-lane="(\d)"(?![^>]*hidden)', dom)
    assert set(heads) == {"5"}


def test_differs_preset_leaves_rows_that_disagree(browser, page):
    """The preset shows the rows that the server side marked as different."""
    whole = page.read_text()
    marked = re.findall(r'<tr class="check" id="row:([^"]*)"[^>]*data-differs', whole)
    assert 10 < len(marked) < 60
    assert shown_rows(browser(f"{page.as_uri()}#differs=1").stdout) == marked


@pytest.mark.parametrize("address", [CELL, f"at={CELL}&verdict=known"], ids=["plain", "with-filter"])
def test_a_cell_address_opens_its_evidence(browser, page, address):
    """A link to a cell opens the drawer with promise, verdict, deviation, calls and the command to run it again."""
    dom = browser(f"{page.as_uri()}#{address}").stdout
    drawer = dom[dom.index('<aside id="drawer"') :]
    drawer = drawer[: drawer.index("</aside>")]
    assert "hidden" not in drawer.split(">")[0]
    for text in (
        "A directory of the image can be renamed within its parent.",
        "the promise is broken as recorded, with condition, reason and source",
        "overlayfs will not rename a directory",
        'href="https://docs.kernel.org/filesystems/overlayfs.html"',
        '<tr class="failed">',
        "✗ -1 EXDEV (Invalid cross-device link)",
        "pytest --driver=overlay2",
    ):
        assert text in drawer


def test_keys_move_open_and_close(browser, page):
    """Arrows move between shown cells, Enter opens, Escape closes and returns to the cell."""
    script = """
      const log = [];
      const focused = () => document.activeElement;
      const press = (key) => focused().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      const open = () => (document.querySelector("#drawer").hidden ? "" : " open");
      const note = () => log.push(focused().id.replace("cell:", "") + open());
      document.getElementById("cell:native-ext4-docker26.1-linux6.12:rename/merged-directory").focus();
      press("ArrowRight"); note();
      press("ArrowDown"); note();
      focused().click(); note();
      press("ArrowUp"); note();
      press("Escape"); note();
      press("ArrowLeft"); press("ArrowLeft"); note();
      const tabs = document.querySelectorAll('a.cell[tabindex="0"]').length;
      document.body.dataset.log = [...log, tabs].join("|");
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = page.read_text().replace("script-src ", f"script-src &#39;sha256-{digest}&#39; ", 1)
    page.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    dom = browser(f"{page.as_uri()}#text=rename/&verdict=known").stdout
    overlay, native = "overlay2-ext4-docker20.10-linux6.1", "native-ext4-docker26.1-linux6.12"
    assert re.search('data-log="([^"]*)"', dom)[1].split("|") == [
        f"{overlay}:rename/merged-directory",
        f"{overlay}:rename/exchange-directories",
        f"{overlay}:rename/exchange-directories open",
        f"{overlay}:rename/merged-directory open",
        f"{overlay}:rename/merged-directory",
        f"{native}:rename/merged-directory",
        "1",
    ]


def test_a_button_copies_the_command(browser, page):
    """The drawer's command has a button; what was copied is the command, whole."""
    script = """
      document.execCommand = (name) => { document.body.dataset.copied = name + ":" + getSelection(); return true; };
      const refuse = async () => { throw new Error("refused"); };
      Object.defineProperty(navigator, "clipboard", { value: { writeText: refuse } });
      document.querySelector("#drawer .command .copy").click();
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = page.read_text().replace("script-src ", f"script-src &#39;sha256-{digest}&#39; ", 1)
    page.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    dom = browser(f"{page.as_uri()}#{CELL}").stdout
    copied = re.search('data-copied="([^"]*)"', dom)[1]
    assert copied.startswith("copy:pytest --driver=overlay2 --backing=ext4")
    assert copied.endswith("test_rename.py::test_merged_directory")
    assert ">Copied</button>" in dom


@pytest.mark.parametrize("kind", ["record", "trend", "count"])
def test_a_link_to_a_record_opens_it(browser, page, kind):
    """A number's link opens what its record is folded into, and marks it."""
    address = re.search(f'href="#({kind}:[^"]*)"', page.read_text())[1]
    dom = browser(f"{page.as_uri()}#{address}").stdout
    section = dom.index(f'id="{address}"')
    begun = dom.rindex("<section", 0, section)
    assert 'class="record at"' in dom[begun:section]
    assert re.match(r'<details class="records" open="">', dom[dom.rindex('<details class="records"', 0, section) :])


@pytest.fixture
def cut_page(tmp_path: Path) -> Path:
    """A page of power cuts, with what broke folded."""
    bundle = read_bundle(sample.write(tmp_path / "cuts", sample_cuts.records()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "OPENED", 0)
        write_page([bundle], tmp_path / "cuts.html")
    return tmp_path / "cuts.html"


def test_a_link_to_a_break_opens_it(browser, cut_page):
    """A cell of the table of power cuts leads to what broke there, and opens that alone."""
    section = cut_page.read_text().partition('<section id="cuts">')[2]
    address = re.search(r'<a class="cell" href="#(cut:[^"]*)"', section)[1]
    dom = browser(f"{cut_page.as_uri()}#{address}").stdout
    opened = re.findall(r'<details class="break[^>]*id="([^"]*)" open=""', dom)
    assert opened == [address]


@pytest.mark.parametrize("width", [420, 1280])
def test_power_cuts_fit_into_the_window(browser, cut_page, width):
    """The table scrolls by itself, and what broke, opened, wraps."""
    script = """
      for (const one of document.querySelectorAll("details.break")) one.open = true;
      const right = (one) => one.getBoundingClientRect().right;
      const parts = document.querySelectorAll("#cuts .wide, #cuts .break, #cuts .break *");
      document.body.dataset.wide = Math.max(...[...parts].map(right)) - innerWidth;
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = cut_page.read_text().replace("script-src ", f"script-src &#39;sha256-{digest}&#39; ", 1)
    cut_page.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    dom = browser(cut_page.as_uri(), "--dump-dom", f"--window-size={width},900").stdout
    assert float(re.search('data-wide="([^"]*)"', dom)[1]) <= 0


@pytest.mark.parametrize("width", [420, 1280])
def test_no_width_makes_the_page_wider_than_its_window(browser, page, width):
    """Wide tables and curves scroll by themselves on a small screen; the page as a whole does not."""
    script = "document.body.dataset.wide = document.documentElement.scrollWidth - innerWidth;"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = page.read_text()
    for section in ("families", "matrix", "lanes"):  # the matrix is as wide as its lanes
        begin = text.index(f'<section id="{section}">')
        text = text[:begin] + text[begin:].replace('<div class="wide">', '<div class="wide" hidden>', 1)
    text = text.replace("script-src ", f"script-src &#39;sha256-{digest}&#39; ", 1)
    page.write_text(text.replace("</body>", f"<script>{script}</script></body>"))
    dom = browser(page.as_uri(), "--dump-dom", f"--window-size={width},900").stdout
    assert int(re.search('data-wide="([^"]*)"', dom)[1]) <= 0


def test_F55_hostile_text_stays_text(browser, tmp_path, asked):
    """With a hostile bundle, drawer open, no script of it runs and nothing is requested."""
    server, paths = asked
    (tmp_path / "bundle.jsonl").write_bytes(hostile.lines(server))
    write_page([read_bundle(tmp_path)], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    cell = re.search(r'<a class="cell" id="(cell:[^"]*)"', text)[1]
    done = browser(f"{(tmp_path / 'page.html').as_uri()}#{cell}")
    assert "Recorded deviation" in done.stdout
    assert "data-owned" not in done.stdout
    assert complaints(done.stderr) == []
    assert paths == []


def test_the_attack_is_real(browser, tmp_path, asked):
    """The same text in a page without defence does run and does ask, so that the test above can fail."""
    server, paths = asked
    (tmp_path / "bare.html").write_text(f"<pre>{hostile.attack(server)}".encode("utf-8", "replace").decode())
    done = browser((tmp_path / "bare.html").as_uri())
    assert "data-owned" in done.stdout or "/img" in paths
    assert paths


@pytest.mark.parametrize("width", [600, 1280])
def test_light_and_dark_are_drawn(browser, page, tmp_path, width):
    """Both themes make a picture of the size asked for, and they differ."""
    pictures = []
    for scheme in ("0", "1"):
        picture = tmp_path / f"{scheme}.png"
        flags = (
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--window-size={width},900",
            f"--screenshot={picture}",
        )
        browser(page.as_uri(), *flags)
        pictures.append(picture.read_bytes())
    assert [struct.unpack(">II", picture[16:24]) for picture in pictures] == [(width, 900)] * 2
    assert pictures[0] != pictures[1]
    assert all(len(picture) > 20_000 for picture in pictures)


def test_twelve_lanes_open(browser, tmp_path):
    """A matrix of twelve lanes opens and filters as one of six does."""
    plan = sample.plan("wide", lanes=[*sample.LANES, *sample.MORE_LANES])
    write_page([read_bundle(sample.write(tmp_path / "wide", sample.records(plan)))], tmp_path / "page.html")
    dom = browser(f"{(tmp_path / 'page.html').as_uri()}#family=rename&driver=podman:overlay&driver=zfs").stdout
    assert "12 of 120 rows shown" in dom
