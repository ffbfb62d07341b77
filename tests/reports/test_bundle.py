"""Reading bundles: what is refused, with which words, and what is shown incomplete."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sample

from roadworthy.reports import bundle as reader
from roadworthy.reports.bundle import BundleRefused, Limits, read_bundle

LANE = sample.LANES[0]
CHECK = sample.checks()[0]


def small() -> list[dict[str, Any]]:
    """Return a bundle of one lane and one check, as plain values that a test may break."""
    whole = sample.plan(lanes=[LANE])
    plan = msgspec.structs.replace(whole, checks=[CHECK], cells=[(LANE.id, CHECK.id)])
    records = [*sample.records(plan), sample.benchmark(LANE, "randwrite-4k", "latency", "µs", sample.random.Random(1))]
    records.append(records.pop(-2))
    return [msgspec.to_builtins(record) for record in records]


def write(path: Path, lines: list[Any], end: bytes = b"\n") -> Path:
    """Write lines, each bytes or a JSON value, into `path`."""
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(raw) + end)
    return path


def refused(path: Path, limits: Limits | None = None) -> str:
    """Return the text with which a bundle is refused."""
    with pytest.raises(BundleRefused) as found:
        read_bundle(path, limits)
    return str(found.value)


def test_a_whole_run_reads_complete(tmp_path):
    """A bundle with plan, lanes, results, benchmarks and end is returned without troubles."""
    bundle = read_bundle(sample.write(tmp_path / "run", sample.records()))
    assert bundle.troubles == ()
    assert len(bundle.results) == len(bundle.plan.cells)
    assert len(bundle.lanes) == 6
    assert bundle.end is not None


def test_a_file_reads_like_its_directory(tmp_path):
    """The file in a bundle directory may be named itself."""
    directory = sample.write(tmp_path / "run", sample.records())
    assert read_bundle(directory / "bundle.jsonl").results == read_bundle(directory).results


def test_unknown_fields_are_passed_over(tmp_path):
    """A newer minor version may have fields that this reader does not know."""
    lines = small()
    lines[0]["schema"] = "1.9"
    for line in lines:
        line["novelty"] = {"deep": [1]}
    assert len(read_bundle(write(tmp_path / "b", lines)).results) == 1


@pytest.mark.parametrize("cut", [1, 17, 60])
def test_F53_torn_last_line_is_dropped(tmp_path, cut):
    """A bundle cut off within a line loses that line and is incomplete."""
    raw = write(tmp_path / "b", small()).read_bytes()
    (tmp_path / "b").write_bytes(raw[: -1 - cut])
    bundle = read_bundle(tmp_path / "b")
    assert bundle.end is None
    assert any("torn" in trouble for trouble in bundle.troubles)
    assert len(bundle.results) == 1


def test_torn_within_a_character_is_dropped(tmp_path):
    """A cut in the middle of a UTF-8 sequence is a torn line as well."""
    lines = small()[:-1]
    path = write(tmp_path / "b", [*lines, '{"type":"result","reason":"é'.encode()[:-1]], end=b"")
    assert "torn" in read_bundle(path).troubles[0]


def test_no_closing_record_means_incomplete(tmp_path):
    """Without its last record a bundle is read, and says so."""
    bundle = read_bundle(write(tmp_path / "b", small()[:-1]))
    assert any("no closing record" in trouble for trouble in bundle.troubles)


def test_whole_last_line_without_newline_counts(tmp_path):
    """A closing record is whole even when its newline is missing."""
    assert read_bundle(write(tmp_path / "b", small(), end=b"")).troubles == ()


def broken(position: int, **changes: Any) -> list[Any]:
    """Return the small bundle with fields of one line changed."""
    lines = small()
    lines[position] |= changes
    return lines


PLAN, LANE_LINE, RESULT, BENCHMARK, END = range(5)
DEEP = b'{"type":"lane","facts":{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}}"

REFUSALS: dict[str, tuple[list[Any], int, str]] = {
    "duplicate-key": ([small()[0], b'{"type":"end","type":"end"}'], 2, "duplicate key 'type'"),
    "duplicate-key-deep": ([small()[0], b'{"type":"lane","facts":{"a":1,"a":2}}'], 2, "duplicate key 'a'"),
    "nan": ([small()[0], b'{"type":"lane","seconds":{"a":NaN}}'], 2, "NaN is not a number"),
    "infinity": ([small()[0], b'{"type":"lane","seconds":{"a":-Infinity}}'], 2, "-Infinity is not a number"),
    "overflow": ([small()[0], b'{"type":"lane","seconds":{"a":1e999}}'], 2, "1e999 is not a number"),
    "huge-integer": ([small()[0], b'{"a":' + b"9" * 5000 + b"}"], 2, "5000 digits"),
    "nesting": ([small()[0], DEEP], 2, "at most 32 levels of nesting"),
    "not-json": ([small()[0], b"{'a': 1}", small()[-1]], 2, "expected one JSON object"),
    "not-an-object": ([small()[0], b"[1]"], 2, "found list"),
    "not-utf-8": ([small()[0], b'{"a":"\xff"}', small()[-1]], 2, "utf-8"),
    "empty-line": ([small()[0], b"", small()[-1]], 2, "expected one JSON object"),
    "plan-not-first": (small()[1:], 1, "first record must be the plan"),
    "second-plan": ([small()[0], small()[0]], 2, "found a second"),
    "after-the-end": ([*small(), small()[1]], 6, "nothing after the closing record"),
    "other-major": (broken(PLAN, schema="2.0"), 1, "expected schema 1.x, found '2.0'"),
    "no-schema": (broken(PLAN, schema=None), 1, "expected schema 1.x, found 'None'"),
    "unknown-verdict": (broken(RESULT, verdict="probably"), 3, "Invalid enum value 'probably'"),
    "unknown-state": (broken(LANE_LINE, state="sleepy"), 2, "Invalid enum value 'sleepy'"),
    "unknown-record": (broken(RESULT, type="rumour"), 3, "Invalid value 'rumour'"),
    "wrong-type": (broken(RESULT, seconds="fast"), 3, "Expected `float`"),
    "integer-too-large": (broken(RESULT, seconds=10**400), 3, "401 digits"),
    "second-result": ([*small()[:4], small()[RESULT]], 5, "a second result"),
    "second-benchmark": ([*small()[:4], small()[BENCHMARK]], 5, "a second benchmark record"),
    "unplanned-lane": (broken(RESULT, lane="elsewhere"), 3, "lane 'elsewhere' is not in the plan"),
    "unplanned-check": (broken(RESULT, check="rename/new"), 3, "is not in the plan"),
    "cell-of-nothing": (broken(PLAN, cells=[["a", "b"]]), 1, "names no lane and check"),
    "cell-twice": (broken(PLAN, cells=small()[0]["cells"] * 2), 1, "a cell occurs twice"),
    "lane-twice": (broken(PLAN, lanes=small()[0]["lanes"] * 2), 1, "a lane id occurs twice"),
    "check-twice": (broken(PLAN, checks=small()[0]["checks"] * 2), 1, "a check id occurs twice"),
    "no-time": (broken(PLAN, started="yesterday"), 1, "expected an ISO 8601 time, found 'yesterday'"),
    "empty": ([], 1, "expected one JSON object"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_F54_refusal_names_file_line_and_expectation(tmp_path, name):
    """What breaks a rule is refused as a whole, and the text says where and why."""
    lines, line, words = REFUSALS[name]
    text = refused(write(tmp_path / "b.jsonl", lines))
    assert f"b.jsonl, line {line}: " in text
    assert words in text


def test_an_empty_file_is_refused(tmp_path):
    """A file without a record is no bundle."""
    assert "first record must be the plan" in refused(write(tmp_path / "b", [], end=b""))


def test_F54_size_is_capped(tmp_path):
    """A bundle above the size limit is not read."""
    path = write(tmp_path / "b", small())
    assert "at most 100 bytes" in refused(path, Limits(size=100))


def test_line_length_is_capped(tmp_path):
    """A line above the limit is refused with its number, whatever it holds."""
    path = write(tmp_path / "b", [small()[0], b'{"a":"' + b"x" * 20_000 + b'"}'])
    assert "line 2: expected a line of at most 20,000 bytes" in refused(path, Limits(line=20_000))


def test_brackets_in_text_are_no_nesting(tmp_path):
    """Brackets and escaped quotes inside a string do not count as depth."""
    path = write(tmp_path / "b", broken(RESULT, reason='[{"\\' * 500))
    assert len(read_bundle(path).results) == 1


def test_many_quotes_are_scanned_once(tmp_path):
    """A megabyte of escaped quotes is looked at in linear time."""
    path = write(tmp_path / "b", [small()[0], b'{"a":"' + b'\\"' * 1_000_000, small()[-1]])
    assert "expected one JSON object" in refused(path)


def test_F58_a_link_in_a_directory_is_not_followed(tmp_path):
    """A bundle directory cannot point its reader at another file."""
    secret = write(tmp_path / "secret", small())
    (tmp_path / "run").mkdir()
    (tmp_path / "run/bundle.jsonl").symlink_to(secret)
    assert "expected a readable run bundle" in refused(tmp_path / "run")


def test_a_fifo_does_not_hang_the_reader(tmp_path):
    """Only a regular file is a bundle."""
    os.mkfifo(tmp_path / "bundle.jsonl")
    assert "expected a regular file" in refused(tmp_path)


def test_a_missing_bundle_is_refused(tmp_path):
    """An empty directory is refused like a broken bundle, not with a traceback."""
    assert "No such file" in refused(tmp_path)


def test_a_refusal_is_safe_on_a_terminal(tmp_path):
    """Text from the bundle cannot colour or rewrite the terminal."""
    assert "\x1b" not in refused(write(tmp_path / "b", broken(RESULT, lane="\x1b[2Jx\x1b")))


def test_lines_as_the_suite_writes_them_read_like_others(tmp_path, monkeypatch):
    """The short way past lines that msgspec wrote changes nothing: it gives what the rules for all lines give."""
    records = sample.records()
    lines = [msgspec.json.encode(record) for record in records]
    short = read_bundle(write_lines(tmp_path / "short.jsonl", lines))
    monkeypatch.setattr(reader, "_canonical", lambda line: None)
    monkeypatch.setattr(reader, "_canonical_plan", lambda line, limits: None)
    long = read_bundle(tmp_path / "short.jsonl")
    assert short == long
    spaced = read_bundle(
        write_lines(tmp_path / "spaced.jsonl", [json.dumps(json.loads(one)).encode() for one in lines])
    )
    assert (short.results, short.plan) == (spaced.results, spaced.plan)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"type":"result","lane":"x","lane":"a"', "duplicate key 'lane'"),
        (b'{"type":"result","seconds":NaN', "NaN is not a number"),
    ],
)
def test_lines_that_begin_like_ours_take_no_short_way(tmp_path, line, words):
    """A line that msgspec would not have written keeps to the rules for all lines, whatever it begins with."""
    whole = msgspec.json.encode(sample.records()[len(sample.LANES) + 1])
    assert whole.startswith(b'{"type":"result",')
    rest = whole[len(b'{"type":"result"') :]
    path = write_lines(tmp_path / "b.jsonl", [msgspec.json.encode(sample.plan()), line + rest])
    assert words in refused(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b'"argv":', b'"argv":[],"argv":'), "duplicate key 'argv'"),
        ((b'"suite":{', b'"suite":{"a":NaN,'), "NaN is not a number"),
        ((b'"suite":{', b'"suite":{"a":' + b"[" * 40 + b"]" * 40 + b","), "levels of nesting"),
        ((b'"suite":{', b'"suite":{"a":' + b"1" * 41 + b","), "an integer of 41 digits"),
        ((b'"schema":"1.', b'"schema":"9.'), "expected schema 1.x"),
    ],
)
def test_plans_that_begin_like_ours_keep_to_the_rules(tmp_path, change, words):
    """A plan that msgspec could read, and that the rules for all lines refuse, is refused."""
    plan = msgspec.json.encode(sample.plan())
    assert change[0] in plan
    assert words in refused(write_lines(tmp_path / "b.jsonl", [plan.replace(*change, 1)]))


def test_results_are_read_again_where_they_lie(tmp_path):
    """A bundle tells where each result's line begins, and the result is read from there; after a change it is not."""
    path = write_lines(tmp_path / "b.jsonl", [msgspec.json.encode(record) for record in sample.records()])
    bundle = read_bundle(path)
    some = [3, 500, 0]
    assert reader.read_results(path, [bundle.places[at] for at in some]) == [bundle.results[at] for at in some]
    for changed in (path.read_bytes()[1:], b"", b"{}\n" * 100_000):
        path.write_bytes(changed)
        with pytest.raises(BundleRefused, match="expected"):
            reader.read_results(path, bundle.places[:1])


def write_lines(path, lines):
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path
