"""The suite's documents as parts of pages."""

import pytest

from roadworthy.reports.site import addresses
from roadworthy.reports.site.prose import phrase, prose, section


def rendered(text, **more):
    return str(prose(text, lambda to: f"../{to}" if to == addresses.METHOD else "", **more))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[how](method.md#counts)", '<a href="../method.html#counts">how</a>'),
        ("[the explorer](explorer.md)", "<p>the explorer</p>"),
        ("[moby](https://github.com/moby/moby)",
         '<a href="https://github.com/moby/moby" rel="noopener noreferrer">moby</a>'),
        ("[run](javascript:alert(1))", "<p>[run](javascript:alert(1))</p>"),
        ("[run](data:text/html,x)", "<p>[run](data:text/html,x)</p>"),
        ("<script>alert(1)</script>", "&lt;script&gt;"),
        ("![x](https://example.com/x.png)", "<p></p>"),
        ("<!-- results: made -->\nfacts", "<p>facts</p>"),
    ],
    ids=["page", "no-page", "elsewhere", "script-address", "data-address", "html", "image", "comment"],
)  # fmt: skip
def test_prose(text, html):
    """Links lead to pages that the site has, or elsewhere; nothing of a document is HTML, and nothing is requested."""
    found = rendered(text)
    assert html in found
    assert "<script" not in found
    assert "<img" not in found


def test_headings_are_shifted_and_can_be_linked_to():
    """A document's headings stand below the page's own, with the places that GitHub gives them."""
    assert rendered("## The interval, and the verdict", shift=1) == (
        '<h3 id="the-interval-and-the-verdict">The interval, and the verdict</h3>\n'
    )


def test_a_table_scrolls_by_itself():
    """A wide table does not make its page wide."""
    assert '<div class="wide" tabindex="0"><table class="rows">' in rendered("| a |\n|---|\n| b |\n")


def test_a_phrase_has_code_and_no_paragraph():
    """A condition of one line keeps its code, and loses its links."""
    assert phrase("`index` is off, see [x](method.md)") == "<code>index</code> is off, see x"


def test_a_section_ends_where_the_next_begins():
    """Of a document one chapter can be shown."""
    assert section("# a\n\n## b\nc\n\n### d\ne\n\n## f\ng\n", "b") == "\nc\n\n### d\ne\n\n"
    assert section("# a\n", "b") == ""
