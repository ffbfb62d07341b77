"""The page as text: one inert, complete, accessible and reproducible file."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from html.parser import HTMLParser
from pathlib import Path

import hostile
import msgspec
import pytest
import sample

from roadworthy.reports.bundle import Bundle, read_bundle
from roadworthy.reports.page import TEMPLATES, page_text, write_page
from roadworthy.reports.records import MEANING, WORST_FIRST, Arm, Benchmark, Call, LaneRecord, Result, Trend, Twin


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of script and style elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in {"script", "style"} and self.cdata_elem:
            self.raw.append((self.found[-1][0], data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def page(bundle: Bundle) -> str:
    return page_text([bundle])


@pytest.fixture
def attacked(tmp_path: Path) -> str:
    (tmp_path / "bundle.jsonl").write_bytes(hostile.lines("http://127.0.0.1:9"))
    return page_text([read_bundle(tmp_path)])


def evidence(page: str) -> dict:
    return json.loads(re.search(r'id="evidence">(.*?)</script>', page, re.DOTALL)[1])


def test_same_bundles_same_bytes(tmp_path, bundle):
    """The page depends on its bundles only: not on the clock, the path or the order they are given in."""
    later = sample.records(sample.plan("later", "2026-11-24T02:00:00Z"), seed=8)
    other = read_bundle(sample.write(tmp_path / "other", later))
    assert page_text([bundle, other]) == page_text([other, bundle])
    write_page([bundle], tmp_path / "one.html")
    write_page([bundle], tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.html")) == ["one.html", "two.html"]


def test_a_failed_write_leaves_the_old_page(tmp_path, bundle, monkeypatch):
    """A page is replaced whole; when that fails, the old one stays and nothing else lies around."""
    (tmp_path / "out").mkdir()
    page = tmp_path / "out/page.html"
    write_page([bundle], page)
    old = page.read_text()

    def full(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="full"):
        write_page([bundle], page)
    assert [(path.name, path.read_text()) for path in page.parent.iterdir()] == [("page.html", old)]


@pytest.mark.parametrize("which", ["page", "attacked"])
def test_nothing_is_loaded_and_nothing_else_runs(request, which):
    """No element loads anything, no attribute is a script, and links go to anchors and web addresses only."""
    elements = Elements(request.getfixturevalue(which))
    assert not {tag for tag, _ in elements.found} & {"img", "iframe", "object", "embed", "link", "base", "form"}
    assert [attributes.get("type") for attributes in elements.all("script")] == ["application/json", None]
    assert len(elements.all("style")) == 1
    for tag, attributes in elements.found:
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "style", "srcdoc"}}
        if "href" in attributes:
            assert re.match(r"#|https?://", attributes["href"] or ""), (tag, attributes["href"])


def test_policy_allows_our_style_and_script_by_hash(page):
    """The content policy forbids everything but the page's own style and script."""
    elements = Elements(page)
    policy = next(m["content"] for m in elements.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    style = next(text for tag, text in elements.raw if tag == "style")
    script = [text for tag, text in elements.raw if tag == "script"][-1]

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_hidden_characters_do_not_reach_the_page(attacked):
    """Controls, bidi overrides, line separators and lone surrogates are spelled out, in markup and evidence."""
    # A soft hyphen divides the longest verdict and is the page's own, as an entity.
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]", attacked)
    assert not re.search(r"\\u(202[89a-e]|206|d8|00[01])", re.sub(r"\\u003[ce]|\\u0026", "", attacked))
    assert "⟨U+202E⟩" in attacked


def test_evidence_is_bounded(attacked):
    """A megabyte of reason and hundreds of calls and log lines stay small, and say what was left out."""
    cell = evidence(attacked)["cells"]["0.0"]
    assert len(json.dumps(cell)) < 200_000
    assert "characters in the bundle" in cell["reason"]
    assert cell["omitted"] == 3
    assert cell["cut"][0] + len(cell["calls"]) == 500
    assert cell["log_cut"] == 120
    assert len(attacked) < 1_000_000


def test_a_transcript_keeps_its_end(tmp_path):
    """Of a long transcript the first and the last calls are shown, because a check breaks at its end."""
    records = sample.records()
    calls = [Call("main", f"call {number}", "0") for number in range(1_000)]
    place = next(n for n, record in enumerate(records) if type(record).__name__ == "Result")
    records[place] = msgspec.structs.replace(records[place], transcript=calls)
    shown = evidence(page_text([read_bundle(sample.write(tmp_path / "b", records))]))["cells"]["0.0"]
    assert [call[1] for call in shown["calls"]][:1] == ["call 0"]
    assert shown["calls"][-1][1] == "call 999"
    assert shown["cut"] == [800, 40]


def test_every_cell_is_readable_without_script(page):
    """The markup holds each row with its promise, and each cell with its verdict in words and its observation."""
    elements = Elements(page)
    plan = sample.plan()
    assert sum("data-check" in attributes for attributes in elements.all("tr")) == len(plan.checks)
    cells = [a for a in elements.all("a") if a.get("class") == "cell"]
    assert len(cells) == len(plan.cells)
    assert all(check.promise.replace("'", "&#39;") in page for check in plan.checks)
    assert "<small>64 MiB copied</small>" in page
    filters = next(a for a in elements.all("div") if a.get("class") == "filters")
    assert "hidden" in filters


def test_ids_are_unique_and_anchors_arrive(page, attacked):
    """Rows, columns, cells, facts and records have ids of their own, and each inner link has a target."""
    for text in (page, attacked):
        elements = Elements(text)
        ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
        assert len(ids) == len(set(ids))
        inner = {a["href"] or "" for a in elements.all("a") if (a["href"] or "").startswith("#")}
        assert {href[1:] for href in inner if "=" not in href} <= set(ids)
    for wanted in ("row:rename/merged-directory", "lane:btrfs-btrfs-docker26.1-linux6.12"):
        assert f'id="{wanted}"' in page
    assert 'id="cell:containerd:overlayfs-ext4-docker28.5-linux7.2:rename/merged-directory"' in page


def test_tables_name_their_parts(page):
    """Each table has a caption, and each head cell a scope."""
    elements = Elements(page)
    assert len(elements.all("table")) == len(elements.all("caption"))
    assert len(elements.all("figure")) == len(elements.all("figcaption")) == 1
    assert all(th.get("scope") for th in elements.all("th"))


def test_each_verdict_has_a_shape_an_outline_and_a_meaning(page):
    """Ten verdicts have ten glyphs, an entry each in the style, and their meaning in the legend."""
    shapes = re.findall(r'<symbol id="g-([a-z]+)"[^>]*>(.*?)</symbol>', page)
    assert {name for name, _ in shapes} == set(WORST_FIRST)
    assert len({drawing for _, drawing in shapes}) == len(WORST_FIRST)
    assert all(re.search(rf"^\.v-{verdict} {{.*--edge", page, re.MULTILINE) for verdict in WORST_FIRST)
    assert all(f"<dd>{meaning}</dd>" in page for meaning in MEANING.values())


def test_a_pass_with_a_recorded_difference_is_told_apart(tmp_path, page):
    """It is counted beside the passes, named in its cell, its family and the legend, and explained in its drawer."""
    records = sample.records()
    place = next(at for at, one in enumerate(records) if isinstance(one, Result) and one.verdict == "pass")
    records[place] = msgspec.structs.replace(records[place], deviation=sample.deviation(sample.plan().checks[0]))
    text = page_text([read_bundle(sample.write(tmp_path / "b", records))])
    said = "with a recorded difference"
    assert '<small class="differing">with a recorded difference</small>' in text
    assert f"<b>1</b> <span>of them {said}</span>" in text
    assert re.search(rf"\d+ pass \(1 {said}\)", text)
    cells = [cell for cell in evidence(text)["cells"].values() if "meaning" in cell]
    assert [(cell["verdict"], cell["meaning"]) for cell in cells] == [("pass", f"the promise holds, {said}")]
    assert f"of them {said}" not in page


def test_a_known_break_is_a_break(page):
    """The page says "breaks (explained)", with the value that breaks and the one that was expected; never "known"."""
    part = page[page.index('id="matrix"') : page.index('id="benchmarks"')]
    cell = part[part.index(f'id="cell:{OVERLAY}:rename/merged-directory"') :]
    assert cell.partition("</td>")[0].endswith("<b>breaks (explained)</b><small>EXDEV, expected 1 of 1</small></a>")
    for name in ("summary", "families", "legend"):
        section = page[page.index(f'<section id="{name}"') :].partition("</section>")[0]
        assert "breaks (explained)" in section
        assert not re.search(r">\s*known\s*<|\d known", section)
    cells = evidence(page)["cells"]
    assert evidence(page)["shown_as"] == {"known": "breaks (explained)"}
    place = next(n for n, c in enumerate(evidence(page)["checks"]) if c["id"] == "rename/merged-directory")
    assert cells[f"1.{place}"]["shown"] == ["EXDEV", "1 of 1"]


def test_a_break_s_source_is_linked(tmp_path):
    """A source in prose leads to where it is written."""
    records = sample.records()
    place = next(at for at, one in enumerate(records) if isinstance(one, Result) and one.verdict == "known")
    source = "Linux Documentation/filesystems/overlayfs.rst, renaming directories; moby/moby#25409"
    recorded = msgspec.structs.replace(records[place].deviation, source=source)
    records[place] = msgspec.structs.replace(records[place], deviation=recorded)
    cells = evidence(page_text([read_bundle(sample.write(tmp_path / "b", records))]))["cells"].values()
    found = [cell["deviation"]["source"] for cell in cells if cell.get("deviation")]
    assert [["moby/moby#25409", "https://github.com/moby/moby/issues/25409"]] in [pieces[-1:] for pieces in found]


def test_incomplete_runs_say_so_first(tmp_path):
    """A page of an interrupted run opens with a banner that counts what was reported, and shows no green family."""
    records = sample.records()[:400]
    page = page_text([read_bundle(sample.write(tmp_path / "b", records))])
    assert "<strong>Incomplete run.</strong>" in page
    assert page.index("Incomplete run.") < page.index('id="families"')
    families = page[page.index('id="families"') : page.index('id="matrix"')]
    assert "<b>pass</b>" not in families
    assert "<b>partial</b>" in families


def of_two_runs(tmp_path, second):
    """The page of the sample run and of a second run on another lane, which `second` makes from its records."""
    lane = sample.MORE_LANES[0]
    later = sample.plan("later", "2026-11-24T02:00:00Z", lanes=[lane])
    lines = second(lane, later, sample.records(later))
    runs = {"one": sample.records(), "two": lines}
    return lane, page_text([read_bundle(sample.write(tmp_path / name, runs[name])) for name in runs])


def test_a_lane_that_was_asked_less_says_so(tmp_path):
    """One check of a family is no green cell beside the whole family: its cells say how many were not asked."""

    def second(lane, plan, lines):
        name = next(check.id for check in plan.checks if check.family == "images")
        plan = msgspec.structs.replace(plan, cells=[(lane.id, name)])
        kept = [one for one in lines[1:] if not isinstance(one, Result) or one.check == name]
        return [plan, *kept]

    _, page = of_two_runs(tmp_path, second)
    families = page[page.index('id="families"') : page.index('id="matrix"')]
    assert re.search(r"<b>partial</b><small>\s*1 asked, \d+ not: 1 (pass|known)", families)
    assert "Lanes were not asked the same checks" in families
    common = families.partition("To compare lanes: the one check that every lane was asked")[2]
    assert not re.search(r"<b>partial</b>| not asked<", common)
    assert len(re.findall(r'<td class="v-', common)) == len(sample.LANES) + 1
    assert re.search(r'<span class="word">1 asked, \d+ not</span>', page)
    assert "not asked</span>" in families
    assert "Lanes were not asked the same checks" not in page_text([read_bundle(tmp_path / "one")])


def test_a_lane_that_never_started_is_one_word(tmp_path):
    """It has one cell over all families, one over each family's rows, a banner with the cause, and no evidence."""

    def second(lane, plan, lines):
        down = LaneRecord(lane=lane.id, at="", state="error", reason="dockerd died")
        return [plan, down, lines[-1]]

    lane, page = of_two_runs(tmp_path, second)
    families = page[page.index('id="families"') : page.index('id="matrix"')]
    assert families.count('class="never v-error"') == 1
    count = len({check.family for check in sample.checks()})
    assert re.search(rf'class="never v-error" data-lane="\d" rowspan="{count}"', families)
    matrix = page[page.index('id="matrix"') : page.index('id="benchmarks"')]
    assert matrix.count('class="never v-error"') == count
    assert "Lane never started (error)." in page
    assert f"{lane.id}</a>: dockerd died" in page
    place = next(at for at, one in enumerate(evidence(page)["lanes"]) if one["id"] == lane.id)
    assert not [key for key in evidence(page)["cells"] if key.startswith(f"{place}.")]
    assert "<b>0</b> <span>missing</span>" in page


def test_facts_and_runs_are_listed(page):
    """Nested facts, stages with seconds, and what a run was asked with are on the page."""
    for text in ("redirect_dir", "6.12.57-1", "daemon 1.9 s", "--matrix=nightly.toml -n 4", "4f1c9a2"):
        assert text in page
    assert "<dt>Backing Filesystem</dt><dd>btrfs</dd>" in page.replace("\n", "")


def article(page: str, name: str) -> str:
    """The part of the page that is about one workload."""
    begin = page.index(f'<article class="bench" id="bench:{name}')
    return page[begin : page.index("</article>", begin)]


def row(part: str, lane: str) -> str:
    """A lane's row in a table."""
    rows = re.findall(r"<tr.*?</tr>", part, re.DOTALL)
    return next(found for found in rows if f"{lane}<" in found)


OVERLAY, VFS, EMULATED = (sample.LANES[place].id for place in (1, 4, 5))


def test_benchmarks_show_ratio_interval_guards_and_record(page):
    """Each lane of a workload has a plot with its numbers in words, its guards and its raw record."""
    part = article(page, "randwrite-4k")
    plots = re.findall(r'aria-label="ratio [\d.]+, 95 % interval [\d.]+ to [\d.]+[";]', part)
    assert len(plots) == 4
    assert "1 of 3 broken" in part
    assert "the device wrote what the workload wrote: <b>broken</b>" in part
    assert part.count("<summary>Raw record</summary>") == 5
    for address in re.findall(r'href="#(record:[^"]*)"', part):
        assert f'id="{address}"' in part


def test_an_invalid_number_is_a_reason(page):
    """Where a guard does not hold, its row has the reason, and neither ratio nor medians."""
    found = row(article(page, "randwrite-4k"), VFS)
    assert "the device wrote less than the workload" in found
    assert ">invalid<" in found
    assert "<svg" not in found
    assert not re.search(r"µs|ms\b", found)


def test_the_baseline_against_itself_stands_beside(page):
    """A record with an A/A pair shows its interval, in words and in the drawing; one without says so."""
    found = row(article(page, "data/randread-4k/upper"), OVERLAY)
    assert ">0.97–1.04<" in found  # noqa: RUF001
    assert "the baseline against itself 1.01, 0.97 to 1.04" in found
    assert 'class="twin"' in found
    assert ">none<" in row(article(page, "seqread-1m"), OVERLAY)


def of_one_record(tmp_path, **changes):
    """The row of one benchmark on overlay2 and its whole article, where only this record is changed."""
    some = sample.benchmark(sample.LANES[1], "data/fsync", "time per I/O", "ns", random.Random(1))
    plan = sample.plan(lanes=sample.LANES[1:2])
    record = msgspec.structs.replace(some, reason="", **changes)
    lines = [one for one in sample.records(plan) if not isinstance(one, Benchmark | Trend)]
    part = article(page_text([read_bundle(sample.write(tmp_path / "one", [*lines[:-1], record, lines[-1]]))]), "data")
    return row(part, OVERLAY), part


def arms(arm, baseline):
    """Both sides of a comparison with these medians."""
    sides = (("overlay2", arm), ("native", baseline))
    return {"arm" if name == "overlay2" else "baseline": Arm(name=name, samples=[at], median=at, low=at, high=at)
            for name, at in sides}  # fmt: skip


def test_a_verdict_says_against_what_and_both_times(tmp_path):
    """Slower is slower than the baseline, which is named; so are both medians, and what the ratio is of."""
    found, part = of_one_record(tmp_path, ratio=2.0, ratio_low=1.9, ratio_high=2.1, verdict="slower", guards={},
                                **arms(4e6, 2e6))  # fmt: skip
    assert ">slower than native<" in found
    assert "<span>overlay2 4 ms</span>" in found
    assert "<span>native 2 ms</span>" in found
    assert "cost divided by the baseline" in part
    assert "the medians alone" not in found
    assert "no guard applies" in found
    assert not re.search("<td>none</td>", found)


def test_medians_that_contradict_the_ratio_are_explained(tmp_path):
    """A ratio below 1 beside a larger median of the driver would read as a mistake; the reason stands there."""
    found, _ = of_one_record(tmp_path, ratio=0.921, ratio_low=0.9, ratio_high=0.95, verdict="faster",
                             **arms(2.73e6, 2.68e6))  # fmt: skip
    assert "the medians alone would say 1.02; a ratio is taken within each row" in found


@pytest.mark.parametrize("verdict", ["slower", "faster"])
def test_a_difference_within_the_baseline_s_own_is_inconclusive(tmp_path, verdict):
    """A ratio inside the A/A interval proves nothing: words, mark and colour say so, and the reason names A/A."""
    ratio = {"slower": 1.08, "faster": 0.94}[verdict]
    within = {"ratio": ratio, "ratio_low": ratio - 0.02, "ratio_high": ratio + 0.02, "verdict": verdict}
    own = Twin(ratio=1.0, low=0.92, high=1.05, verdict="inconclusive")
    found, _ = of_one_record(tmp_path, **within, twin=own)
    assert ">inconclusive<small>" in found
    assert f"the interval alone says {verdict}, but the ratio does not exceed" in found
    assert 'class="b-inconclusive"' in found
    assert "plot inconclusive" in found
    narrow = Twin(ratio=1.0, low=0.99, high=1.01, verdict="equivalent")
    found, _ = of_one_record(tmp_path, **within, twin=narrow)
    assert f">{verdict} than native<" in found


def test_times_that_are_not_published_are_grey_and_say_why(page):
    """Under emulation numbers are withheld from the drawings, and the reason stands in their place."""
    found = row(article(page, "data/randread-4k/upper"), EMULATED)
    assert sample.EMULATED in found
    assert ">not published<" in found
    assert 'class="b-unpublished"' in found
    assert "<svg" not in found
    curve = row(article(page, "copy-up/first-write/lower"), EMULATED)
    assert sample.EMULATED in curve
    assert "<svg" not in curve


def test_a_sweep_is_one_article_with_curves_and_a_table(page):
    """Points are folded into their workload, with curves, slopes with intervals, and all medians as text."""
    part = article(page, "copy-up/first-write/lower")
    assert page.count("bench:copy-up/first-write") == 1
    assert part.count('class="curve"') == 8  # four lanes, drawn and explained
    assert 'aria-label="time of the first write by file size' in part
    found = row(part, OVERLAY)
    assert "944 µs per MiB" in found
    assert "849 µs per MiB to 1.13 ms per MiB" in found
    for point in ("64 KiB", "1 MiB", "8 MiB", "64 MiB"):
        assert f"<b>{point}</b>" in found
    assert "Each point against its baseline: 20 intervals" in part
    assert "stratum <b>lower</b>" in part
    assert "tier <b>smoke</b>" in part


def test_counts_are_a_table_with_their_baselines(page):
    """A count is a row, a lane a column; each number links to its record, where it has all its digits."""
    part = page[page.index('id="counts"') : page.index('id="claims"')]
    assert "<b>81,920</b><small>baseline 16,384</small>" in part
    assert "bytes for one byte: 64 MiB (67,108,864 B)" in part
    assert 'title="not counted on this lane"' in part
    for address in re.findall(r'href="#(count:[^"]*)"', part):
        assert f'id="{address}"' in part


def test_raw_files_are_linked_where_the_page_lies_beside_them(tmp_path):
    """In the bundle's own directory a sample links to the file its number comes from, elsewhere it names it."""
    bundle = read_bundle(sample.write(tmp_path / "b", sample.records()))
    raw = f"raw/{OVERLAY}/data.randread-4k-0000.json.gz"
    for place, linked in ((tmp_path / "b/index.html", True), (tmp_path / "index.html", False)):
        write_page([bundle], place)
        text = place.read_text()
        assert (f'<a href="{raw}">{raw}</a>' in text) is linked
        assert raw in text


def test_F57_only_plain_raw_paths_become_links(tmp_path):
    """A raw file of a hostile bundle is text: nothing outside the bundle, nothing that a browser would run."""
    (tmp_path / "bundle.jsonl").write_bytes(hostile.lines("http://127.0.0.1:9"))
    bundle = read_bundle(tmp_path)
    assert [s.raw for b in bundle.benchmarks for s in b.samples]
    for tag, attributes in Elements(page_text([bundle], tmp_path)).found:
        if "href" in attributes:
            assert re.match(r"#|https?://", attributes["href"] or ""), (tag, attributes["href"])


def test_samples_are_shown_with_what_voided_them(page):
    """Every sample of a record is listed in its order, and a void one says which guard did not hold."""
    part = article(page, "data/randread-4k/upper")
    assert part.count('<tr class="void">') == 5
    assert "<td>the device saw the bytes that the workload asked for</td>" in part


def test_claims_about_cost_are_answered_with_their_numbers(page):
    """A claim names the lanes of each answer, with numbers; those that were not measured are folded."""
    part = page[page.index('id="claims"') : page.index('id="lanes"')]
    heads = re.findall(r'<th scope="col">(.*?)</th>', part)
    assert heads == ["Claim", "Holds on", "Holds in part on", "Does not hold on", "Undecided on"]
    assert "What an article of 2016 on Docker" in part
    assert "never" not in " ".join(heads)
    assert "space/page-cache, pages for five readers: 81,920 pages, 5 times the 16,384 pages of the baseline" in part
    assert "claims were not measured here" in part
    assert "Not tested: it compares a driver with a virtual machine" in part


def test_a_cell_has_the_command_to_run_it_again(page):
    """It selects the lane and the check, and the lane says what the command means by host."""
    shown = evidence(page)
    check = next(n for n, c in enumerate(shown["checks"]) if c["id"] == "rename/merged-directory")
    command = shown["cells"][f"1.{check}"]["rerun"]
    assert command.startswith("pytest --driver=overlay2 --backing=ext4 --engine=docker-20.10 --kernel=6.1 ")
    assert command.endswith("conformance/posix/test_rename.py::test_merged_directory")
    assert {lane["again"] for lane in shown["lanes"]} == {""}  # sample lanes name their engine and kernel


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_is_sufficient(theme):
    """Text and verdict colours have 4.5:1 on each ground that they stand on, in both themes."""
    style = (TEMPLATES / "page.css").read_text()
    tokens = {m[1]: m.groups()[1:][theme] for m in re.finditer(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)}
    for ink in ("ink", "soft", "accent", *WORST_FIRST):
        grounds = ["paper", "card", "sunk", *([f"{ink}-tint"] if f"{ink}-tint" in tokens else [])]
        for ground in grounds:
            assert contrast(tokens[ink], tokens[ground]) >= 4.5, (ink, ground)
    for tint in (name for name in tokens if name.endswith("-tint")):
        assert contrast(tokens["soft"], tokens[tint]) >= 4.5, tint


def test_a_page_of_benchmarks_alone_shows_no_empty_matrix(tmp_path: Path):
    """Without checks there is nothing to filter; the sections that the script needs are there and not shown."""
    plan = msgspec.structs.replace(sample.plan(), checks=[], cells=[])
    records = [record for record in sample.records(plan) if not isinstance(record, Result)]
    page = page_text([read_bundle(sample.write(tmp_path, records))])
    hidden = {element["id"] for element in Elements(page).all("section") if "hidden" in element}
    assert hidden == {"families", "matrix"}
    assert 'href="#matrix"' not in page
    assert "0 checks" not in page
