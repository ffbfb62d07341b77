"""A site of a bundle whose every text attacks its reader: nothing runs, nothing is asked, nothing lies elsewhere."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import hostile
import pytest

from roadworthy.reports.site.making import make

#: Elements that load something, run something, or send something.
ACTIVE = {"img", "iframe", "object", "embed", "form", "base", "audio", "video", "source", "applet", "frame", "portal"}


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture
def public(outside, asked):
    server, _ = asked
    bundles, out = outside / "bundles/2026-11-30", outside / "public"
    bundles.mkdir(parents=True, exist_ok=True)
    (bundles / "bundle.jsonl").write_bytes(hostile.lines(server))
    make(outside / "bundles", out)
    return out


class Elements(HTMLParser):
    """What a page would load and run, as a browser takes it apart."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag in ACTIVE or (tag == "script" and "src" not in named):
            self.found.append(f"<{tag}>")
        if tag == "script":
            self.scripts.append(named.get("src") or "")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
                self.found.append(f"{tag} {name}")
            if name in ("href", "src", "action", "xlink:href") and re.match(
                r"\s*(javascript|data|vbscript):", value or ""
            ):
                self.found.append(f"{tag} {name}={value[:40]}")


def pages(public: Path) -> list[Path]:
    return sorted(public.rglob("*.html"))


def test_no_element_of_a_bundle_is_in_a_page(public):
    """Every element of every page is one of the templates', whatever a text holds."""
    assert len(pages(public)) > 8
    for page in pages(public):
        read = Elements()
        read.feed(page.read_text())
        assert read.found == [], page
        assert all(re.fullmatch(r"(?:\.\./)*(?:[a-z-]+/)?[a-z-]+\.js", name) for name in read.scripts), page
        assert "default-src &#39;none&#39;" in page.read_text()


def test_scripts_hold_data_only(public):
    """What a script is handed is one line of ASCII, in which no string ends before its time."""
    data = [*public.glob("evidence/**/*.js"), public / "compare/cells.js"]
    assert len(data) > 1
    for script in data:
        text = script.read_text(encoding="ascii")
        assert re.fullmatch(r"\w+\(.*\);\n", text), script
        assert text.count("\n") == 1, script


def test_nothing_lies_outside(public, outside):
    """Every file has a plain name, below the site."""
    assert sorted(os.listdir(outside)) == ["bundles", "public"]
    for path in public.rglob("*"):
        assert re.fullmatch(r"\.?[a-z0-9~_][a-z0-9~_.-]*", path.name), path
        assert not path.is_symlink()


def test_an_opened_cell_runs_nothing(browser, public, asked):
    """With the evidence of a hostile cell in the drawer, no script of it runs and nothing is requested."""
    _, paths = asked
    page = public / "matrix.html"
    (public / "probe.js").write_text("""
      addEventListener("load", () => document.querySelector("tr[data-check] td[class]").click());
    """)
    text = page.read_text().replace("</head>", '<script src="probe.js"></script></head>', 1)
    (public / "probed.html").write_text(text)
    done = browser((public / "probed.html").as_uri())
    (public / "probed.html").unlink()
    assert '<dialog id="drawer" aria-labelledby="drawer-title" open="">' in done.stdout
    assert "System calls" in done.stdout
    assert "data-owned" not in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert paths == []


@pytest.mark.parametrize("kind", ["check", "driver", "compare"])
def test_a_page_of_a_hostile_bundle_runs_nothing(browser, public, asked, kind):
    """A check, a card, and the comparison of two lanes show the texts, and no more."""
    _, paths = asked
    page = next(iter(sorted((public / kind).rglob("*.html"))))
    done = browser(page.as_uri())
    assert "data-owned" not in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert paths == []
