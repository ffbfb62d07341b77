"""The matrix page in a browser: filters in the address, keys, hidden columns, and the drawer."""

import html
import json
import re

import pytest
import sample_small as small

from roadworthy.reports.site.making import make


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    root = small.write(tmp_path_factory.mktemp("bundles"))
    out = tmp_path_factory.mktemp("site") / "public"
    make(root, out, known=small.KNOWN)
    return out


#: What a probe may use: what the page shows, and what a reader does.
WORDS = """
const one = (selector) => document.querySelector(selector);
const rows = () => [...document.querySelectorAll("tr[data-check]")].filter((row) => row.offsetHeight)
  .map((row) => row.dataset.check + (row.dataset.cases ? `[${row.dataset.cases}]` : ""));
const heads = () => [...document.querySelectorAll("th.lane")].filter((head) => head.offsetWidth);
const lanes = () => heads().map((head) => head.dataset.lane);
const type = (text) => { one("#q").value = text; one("#q").dispatchEvent(new Event("input", { bubbles: true })); };
const pressed = { bubbles: true, cancelable: true };
const key = (at, name) => at.dispatchEvent(new KeyboardEvent("keydown", { key: name, ...pressed }));
const press = (name) => key(document.activeElement, name);
const close = async () => { one("#drawer").close(); await until(() => location.hash.length < 2); };
const tabStops = () => document.querySelectorAll('td[tabindex="0"]').length;
const cell = (check, place) => one(`tr[data-check="${check}"]`).cells[place + 1];
const until = async (holds) => { while (!holds()) await new Promise((done) => setTimeout(done, 10)); };
const rest = (ms) => new Promise((done) => setTimeout(done, ms));
addEventListener("DOMContentLoaded", async () => {
  try { document.body.dataset.found = JSON.stringify(await probe()); }
  catch (reason) { document.body.dataset.found = JSON.stringify(String(reason)); }
});
"""


@pytest.fixture
def asked(browser, public, request):
    """What a probe finds on the page, which it runs in; the console has to be silent."""

    def ask(body, address="", *flags):
        name = re.sub(r"\W", "", request.node.name)
        (public / f"{name}.js").write_text(f"{WORDS}\nconst probe = async () => {{ {body} }};")
        text = (public / "matrix.html").read_text()
        page = public / f"{name}.html"
        page.write_text(text.replace("</head>", f'<script src="{name}.js"></script></head>', 1))
        # Going back is up to another process, for which virtual time does not wait.
        done = browser(f"{page.as_uri()}{address}", "--dump-dom", "--virtual-time-budget=60000", *flags)
        assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
        found = re.search(r'data-found="([^"]*)"', done.stdout)
        assert found, done.stdout[-2000:]
        return json.loads(html.unescape(found[1]))

    return ask


EVERY = ["rename/merged-dir", "link/pair[lower]", "link/pair[upper]", "app/mv-directory", "open/plain"]
QUERIES = {
    "": EVERY,
    "rename": ["rename/merged-dir", "app/mv-directory"],
    '"can be renamed"': ["rename/merged-dir"],
    "-rename": ["link/pair[lower]", "link/pair[upper]", "open/plain"],
    "is:differs": ["rename/merged-dir", "link/pair[lower]", "app/mv-directory", "open/plain"],
    "is:one": ["link/pair[lower]", "open/plain"],
    "is:new": ["open/plain"],
    "is:unexplained": ["open/plain"],
    "is:flaky": [],
    "verdict:fail,known -family:app": ["rename/merged-dir", "link/pair[lower]", "open/plain"],
    "overlay2=known containerd:overlayfs=known": ["rename/merged-dir"],
    "kernel:5.10 verdict:known": ["rename/merged-dir", "link/pair[lower]", "app/mv-directory"],
    "driver:containerd:overlayfs is:unexplained": ["open/plain"],
    "family:link EXDEV": [],
    "nothing-like-it": [],
}


def test_queries(asked):
    """Each query of the documented language leaves the rows that it says."""
    body = "const found = {}; for (const query of QUERIES) { type(query); found[query] = rows(); } return found;"
    assert asked(body.replace("QUERIES", json.dumps(list(QUERIES)))) == QUERIES


def test_columns_hide_without_breaking_the_table(asked):
    """What is left of a row stands below its own head."""
    body = """
      const left = (one) => one.getBoundingClientRect().left;
      const above = (one) => heads().find((head) => Math.abs(left(head) - left(one)) < 2);
      const below = (one) => above(one)?.cellIndex === one.cellIndex - 1;
      const every = () => [...document.querySelectorAll("tr[data-check] td")].filter((one) => one.offsetWidth);
      const drivers = () => [...document.querySelectorAll("th.driver")].filter((one) => !one.hidden);
      const spans = () => drivers().map((one) => one.colSpan);
      const found = [];
      const queries = ["", "driver:overlay2", "-driver:native kernel:6.18", "engine:docker28.5", "kernel:6.1"];
      for (const query of queries) {
        type(query);
        found.push([query, lanes(), every().every(below), spans()]);
      }
      return found;
    """
    native, old, new, store = (lane.id for lane in small.LANES)
    assert asked(body) == [
        ["", [native, old, new, store], True, [1, 2, 1]],
        ["driver:overlay2", [old, new], True, [2]],
        ["-driver:native kernel:6.18", [new, store], True, [1, 1]],
        ["engine:docker28.5", [store], True, [1]],
        ["kernel:6.1", [], True, []],
    ]


def test_the_address_has_the_whole_view_and_back_returns(asked):
    """What is chosen stands in the address; Back restores the view before, and typing is one step."""
    body = """
      const found = [location.hash];
      const steps = history.length;
      type("r"); type("re"); type("rename");
      found.push(location.hash, history.length - steps);
      await rest(1100);
      one('.menu[data-key="driver"] input[value="overlay2"]').click();
      found.push(location.hash, lanes().length);
      history.back(); await until(() => !location.hash.includes("driver"));
      await rest(50);
      found.push(location.hash, lanes().length, one("#q").value);
      return found;
    """
    assert asked(body) == [
        "", "#q=rename", 1, "#q=rename&driver=overlay2", 2, "#q=rename", 4, "rename",
    ]  # fmt: skip


def test_an_address_restores_filters_and_the_open_cell(asked):
    """A link shows what its sender saw: the rows, and the evidence of one cell in a dialog."""
    body = """
      await until(() => one("#drawer h3"));
      const has = (text) => one("#drawer").textContent.includes(text);
      return [rows(), one("#drawer").open, one("#drawer").matches(":modal"), has("overlayfs will not rename"),
        one("#drawer .failed").textContent.trim()];
    """
    found = asked(body, f"#q=verdict:known&family=rename&at=rename/merged-dir@{small.NEW.id}")
    assert found == [["rename/merged-dir"], True, True, True,
                     'A rename("old", "new") = -1 EXDEV (Invalid cross-device link)']  # fmt: skip


def test_keys_move_open_and_close(asked):
    """One cell is a tab stop; arrows move, Enter opens, arrows move in the dialog, closing gives the focus back."""
    body = """
      const here = () => document.activeElement;
      const at = () => `${here().parentElement?.dataset.check}:${here().cellIndex - 1}`;
      const found = [tabStops()];
      cell("rename/merged-dir", 0).focus(); cell("rename/merged-dir", 0).click();
      await until(() => one("#drawer h3"));
      await close();
      found.push(at());
      press("ArrowRight"); found.push(at());
      press("ArrowDown"); found.push(at());
      press("End"); found.push(at());
      press("Home"); found.push(at());
      press("Enter"); await until(() => one("#drawer").open && one("#drawer h3"));
      found.push(one("#drawer h2").textContent, location.hash);
      key(one("#drawer .close"), "ArrowRight");
      await rest(50);
      found.push(one("#drawer header p").textContent);
      await close();
      found.push(at(), location.hash, tabStops());
      return found;
    """
    assert asked(body) == [
        1, "rename/merged-dir:0", "rename/merged-dir:1", "link/pair:1", "link/pair:3", "link/pair:0", "link/pair",
        f"#at=link/pair%5Blower%5D%40{small.NATIVE.id}", f"on {small.OLD.id}", "link/pair:1", "", 1,
    ]  # fmt: skip


@pytest.mark.parametrize("width", [420, 1400])
def test_the_page_is_no_wider_than_its_window(asked, width):
    """The matrix scrolls by itself."""
    found = asked("return document.documentElement.scrollWidth - innerWidth;", "", f"--window-size={width},900")
    assert found <= 0


def test_without_the_script_the_table_is_whole(public):
    """Reading needs no script: every verdict and every value is text in the table, and each check links to its page."""
    text = (public / "matrix.html").read_text()
    assert text.count("<td class=") >= 5 * 4
    assert '<a href="check/rename/merged-dir.html">rename/merged-dir</a>' in text
    assert '<td class="v-known">breaks<small>EXDEV</small>' in text
    assert re.search(r'<div class="filters"[^>]* hidden>', text)
