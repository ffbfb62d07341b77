"""The page's section of power cuts: what it says without a script, and the commands that it gives."""

from __future__ import annotations

import html
import re
import shlex
from pathlib import Path

import hostile
import msgspec
import pytest
import sample
import sample_cuts

from roadworthy.reports.bundle import read_bundle
from roadworthy.reports.cuts import log_path, power_cuts
from roadworthy.reports.matrix import build
from roadworthy.reports.page import page_text
from roadworthy.reports.records import Result
from roadworthy.reports.states import HARMS, WHOLE, rank


@pytest.fixture
def section(tmp_path: Path) -> str:
    """The section of a page of the sample run."""
    return section_of(page_text([read_bundle(sample.write(tmp_path, sample_cuts.records()))]))


def section_of(page: str) -> str:
    begin = page.index('<section id="cuts">')
    return page[begin : page.index("</section>", begin)]


def cells(section: str) -> list[list[str]]:
    """The words of each row of the table."""
    rows = re.findall(r"<tr>(.*?)</tr>", section[section.index("<tbody>") :], re.DOTALL)
    text = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in text]


COMMAND = re.compile(r'<pre class="rerun">(.*?)</pre>', re.DOTALL)


def commands(section: str) -> list[list[str]]:
    """The words of each command as a shell takes them."""
    return [shlex.split(html.unescape(text)) for text in COMMAND.findall(section)]


def test_each_operation_has_its_worst_state_on_each_lane(section):
    """The worst operation comes first; a cell says how many cuts were looked at, one that was not cut has a dash."""
    assert cells(section) == [
        ["load docker load of an image with 200 files.", "gone 20 cuts", "whole 20 cuts",
         "silent 20 cuts: files missing, files empty"],
        ["commit docker commit of a container in which 200 files were written.", "whole 20 cuts", "whole 20 cuts",
         "does not start 20 cuts: invalid database"],
        ["copy-up The first write to a file of the image, and its fsync.", *["whole 20 cuts"] * 3],
        ["rmi docker rmi of an image with 200 files.", "whole 20 cuts", "–", "whole 20 cuts"],  # noqa: RUF001
    ]  # fmt: skip
    assert "220 cuts were looked at" in section


def test_what_broke_is_told_with_the_worst_first(section):
    """Each break has its promise, all states with their cuts, the calls around the cut, and the damaged records."""
    found = re.findall(r"<summary>.*?<b>(.*?)</b> on (.*?): <span>(.*?)</span>", section)
    assert found == [
        ("load", sample_cuts.SNAPSHOTTER.id, "silent: files missing, files empty"),
        ("commit", sample_cuts.SNAPSHOTTER.id, "the daemon does not start: invalid database"),
        ("load", sample_cuts.OVERLAY.id, "gone"),
    ]
    first = " ".join(re.sub(r"<[^>]*>", " ", section[section.index("<details") : section.index("</details>")]).split())
    for words in (
        "durability/listed-is-whole[load] fail",
        f"the image: {sample_cuts.SILENT} after 7 cuts the image: gone after 2 cuts",
        "POST /v1.41/images/load GET /v1.41/images/roadworthy:cut/json the power is cut at flush 12 and 3 of 8 later "
        "writes, the first that breaks this the operation is over",
        "Damaged records: io.containerd.metadata.v1.bolt/meta.db: 1 shorter",
    ):
        assert words in first
    assert "flush 3; earlier ones were not all looked at" in section
    assert "not answered yet: POST /v1.41/commit" in section


def test_commands_make_the_disk_and_the_capture_again(section):
    """The disk only where its log was kept; the capture on its lane, with as many cuts."""
    log = log_path(sample_cuts.SNAPSHOTTER.id, "load")
    assert log == "cuts/containerd_overlayfs-ext4-docker28.5-linux7.2/load.log"
    found = commands(section)
    assert found[0] == ["roadworthy", "cut", log, "--flush=12", "--part=77", "--out=disk.img"]
    assert found[1][:5] == ["pytest", "--keep-logs", "--cuts=20", "--driver=containerd:overlayfs", "--backing=ext4"]
    check, function = found[1][-2:]
    assert (check, function.partition("::")[2]) == ("durability/listed-is-whole[load]", "test_listed_is_whole")
    assert [words[0] for words in found] == ["roadworthy", "pytest", "roadworthy", "pytest", "pytest"]


def test_a_run_without_power_cuts_has_no_section(bundle):
    """Nor a link to it."""
    assert "#cuts" not in page_text([bundle]).replace("#cuts h3", "").replace("#cuts .wide", "")


def test_hostile_words_stay_words_of_a_command(tmp_path):
    """What a bundle names is one word of a command each, and counts of lists are bounded."""
    (tmp_path / "bundle.jsonl").write_bytes(hostile.lines("http://127.0.0.1:9"))
    section = section_of(page_text([read_bundle(tmp_path)]))
    disk, capture = (re.sub(r"\s*\\\n", " ", text) for text in COMMAND.findall(section))
    for text in (disk, capture):
        assert "touch owned" not in re.sub(r"'[^']*'", "", html.unescape(text).replace("'\"'\"'", ""))
    assert section.count("<li>") < 100
    assert len(section) < 300_000


def test_the_newest_run_of_a_lane_counts(tmp_path):
    """As in the matrix: a lane that was cut again shows the later run."""
    later = [
        msgspec.structs.replace(one, cuts=msgspec.structs.replace(one.cuts, worst="whole", states=[], first=None))
        if isinstance(one, Result) else one
        for one in sample_cuts.records("later")
    ]  # fmt: skip
    later[0] = msgspec.structs.replace(later[0], started="2026-11-24T02:00:00Z")
    bundles = [read_bundle(sample.write(tmp_path / name, records))
               for name, records in (("one", sample_cuts.records()), ("two", later))]  # fmt: skip
    assert power_cuts(build(bundles)).broken == ()
    assert len(power_cuts(build(bundles[:1])).broken) == 3


def test_states_are_ordered_by_how_bad_they_are():
    """Silence is worse than what is gone, and that than what is told; whole is best, and so is what nobody foresaw."""
    states = [f"silent: files {harm}" for harm in HARMS]
    states += ["the daemon does not start: x", "there again", "gone", "says so: missing", "something else", WHOLE]
    assert sorted(states, key=rank) == states
