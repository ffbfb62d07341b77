"""Text made safe to show."""

from __future__ import annotations

import json
import re

import pytest

from roadworthy.reports.text import TEXT_LIMIT, anchor, cleaned, counted, island, visible, web_link, with_links


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext é 中", "plain\n\ttext é 中"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Bcharset", "charset"),
        ("bell\x07 nul\x00", "bell␇ nul␀"),
        ("a\u202egnp.exe", "a⟨U+202E⟩gnp.exe"),
        ("line\u2028sep", "line⟨U+2028⟩sep"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("lone\ud800", "lone⟨U+D800⟩"),
        ("c1\x85del\x7f", "c1⟨U+0085⟩del⟨U+007F⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
    ],
    ids=["plain", "colour", "hyperlink", "charset", "c0", "bidi", "u2028", "width", "surrogate", "c1", "tag"],
)
def test_hidden_characters_become_visible(text, shown):
    """Terminal escapes go away, and whatever hides or reorders text is spelled out."""
    assert visible(text) == shown


def test_long_text_is_cut_and_says_so():
    """A megabyte becomes a bounded text that names its length."""
    shown = visible("x" * 1_000_000, 100)
    assert shown == "x" * 100 + "… (1,000,000 characters in the bundle)"


@pytest.mark.parametrize("address", ["https://docs.kernel.org/a.html#b", "http://example.org"])
def test_web_addresses_are_links(address):
    """Plain http and https addresses may be linked."""
    assert web_link(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//example.org",
        "https://kernel.org@example.org/",
        "https://",
        "https://a b",
        "https://a/\u202e",
        "https://[",
        "vbscript:x",
        "",
    ],
)
def test_other_addresses_are_text(address):
    """Nothing but a plain web address becomes a link."""
    assert web_link(address) == ""


def test_addresses_inside_text_are_linked():
    """A source may be a sentence with an address in it; its full stop is not part of the address."""
    assert with_links("POSIX, https://example.org/a. See") == [
        ("POSIX, ", ""),
        ("https://example.org/a", "https://example.org/a"),
        (". See", ""),
    ]
    assert with_links("javascript:alert(1)") == [("javascript:alert(1)", "")]


def test_text_is_cut_at_its_limit_and_not_before():
    """A text of just the limit is whole; what is removed from it counts up to four times the limit, and no further."""
    assert visible("é" * 10, 10) == "é" * 10
    assert visible("é" * 11, 10) == "é" * 10 + "… (11 characters in the bundle)"
    assert visible("\x1b[0m" * 7 + "ab", 10) == "ab"
    assert visible("\x1b[0m" * 10, 10) == ""
    assert visible("\x1b[0m" * 10 + "a", 10) == "… (41 characters in the bundle)"
    assert visible("é" * TEXT_LIMIT) == "é" * TEXT_LIMIT
    assert TEXT_LIMIT == 2000


def test_an_address_is_a_link_up_to_the_limit():
    """And a text that is an address, or ends with one, has no piece that is empty."""
    address = f"https://a/{'b' * (TEXT_LIMIT - 10)}"
    assert web_link(address) == address
    assert web_link(f"{address}b") == ""
    assert with_links("https://a/b") == [("https://a/b", "https://a/b")]
    assert with_links("see https://a/b") == [("see ", ""), ("https://a/b", "https://a/b")]


def test_values_are_cleaned_however_deep_they_are():
    """Strings and keys, within the limit; numbers and truth values stay."""
    value = {"a\x07": ["b\u202e", ("c" * 9, 1.5), {"d": None}], "e": True}
    cut = ["b⟨U+2… (2 characters in the bundle)", ["ccccc… (9 characters in the bundle)", 1.5], {"d": None}]
    assert cleaned(value, 5) == {"a␇": cut, "e": True}
    assert cleaned("é" * 2001) == visible("é" * 2001)


def test_anchors_are_readable_and_unique():
    """Common ids stay as they are; ids that need escaping differ although their characters are replaced."""
    assert anchor("row", "rename/merged-directory") == "row:rename/merged-directory"
    assert anchor("cell", "containerd:overlayfs-ext4", "a/b[c]") == "cell:containerd:overlayfs-ext4:a/b[c]"
    assert len({anchor("row", "a b"), anchor("row", "a=b"), anchor("row", "a_b"), anchor("row", "\ud800")}) == 4
    assert anchor("row", "a" * 200) == f"row:{'a' * 200}"
    assert re.fullmatch("row:a{200}~[0-9a-f]{8}", anchor("row", "a" * 201))


def test_island_cannot_end_its_element():
    """JSON for a script element holds no character that HTML or JavaScript could read as more than text."""
    value = {"</script><!--": "\u2028\u2029&<>é"}
    text = island(value)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="JSON compliant"):
        island(float("nan"))  # no JSON, and no JavaScript of ours expects it


def test_a_number_goes_with_its_noun():
    """One run, two runs; some nouns have a plural of their own."""
    assert [counted(number, "run") for number in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert counted(3, "family", "families") == "3 families"
