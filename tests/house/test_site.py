"""The documents as a site: `make docs` builds it without a warning, and a browser needs no network for it."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: The command of `make docs`, with another place for what it makes.
BUILD = re.search(r"^docs:.*\n\t\.venv/bin/(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()


class Loaded(HTMLParser):
    """Takes down what a browser loads for a page by itself: scripts, styles, pictures; not where links lead."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.found.append(given.get("src") or "")
        elif tag == "link" and not {"search", "index", "next", "prev", "canonical"} & set((given["rel"] or "").split()):
            self.found.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it; a warning is an error, and a link that leads nowhere is a warning."""
    place = tmp_path_factory.mktemp("site")
    words = [{"build/docs": place / "docs", "build/doctrees": place / "doctrees"}.get(word, word) for word in BUILD]
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return place / "docs"


def test_every_document_is_a_page(site):
    """What is a document in the checkout is a page of the site, and the site's address leads to the first one."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = [path for path in documents if not (site / path.relative_to(ROOT)).with_suffix(".html").exists()]
    assert missing == []
    assert "url=docs/index.html" in (site / "index.html").read_text()


def test_nothing_is_loaded_from_the_network(site):
    """Every script, style and picture of every page is a file of the site; no style asks for one elsewhere."""
    seen = set()
    for page in site.rglob("*.html"):
        for address in filter(None, Loaded(page.read_text()).found):
            if not address.startswith("data:"):
                assert "//" not in address, f"{page.name} loads {address}"
                assert (page.parent / address.partition("?")[0]).exists(), f"{page.name} loads {address}"
                seen.add(address)
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^\"')]*", style.read_text()) == []
    assert len(seen) > 5


def test_the_navigation_is_the_first_page(site):
    """Each part of docs/index.md is one of the navigation, on every page and in its order."""
    parts = re.findall(r"^## (.+)$", (ROOT / "docs/index.md").read_text(), re.MULTILINE)
    page = (site / "docs/reference/options.html").read_text()
    assert re.findall(r'<p class="caption"[^>]*><span class="caption-text">(.+?)</span>', page) == parts


def test_an_option_keeps_its_hyphens(site):
    """The site shows what has to be typed, also where a text has no mark of code around it."""
    assert "its own with --isolate" in (site / "docs/reference/fixtures.html").read_text()


def test_the_site_can_be_searched(site):
    """The index of the search, which runs in the browser, knows a word of the documents."""
    assert '"overlay2"' in (site / "searchindex.js").read_text().replace("overlay2:", '"overlay2":')


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path):
    """Strictness is seen to work: a file that is not there and a heading that is not there."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/start").mkdir()
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "docs/conf.py").write_bytes((ROOT / "docs/conf.py").read_bytes())
    (tmp_path / "docs/index.md").write_text("# A\n\n## B\n\n[x](nowhere.md)\n\n[y](#no-heading)\n")
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / BUILD[0], *BUILD[1:]], cwd=tmp_path, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert "nowhere.md" in done.stderr
    assert "no-heading" in done.stderr
