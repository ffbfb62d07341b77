"""One bundle of many: what it holds, that the order of the parts does not count, and what is refused."""

import itertools
import json
import re

import msgspec
import pytest
import sample

from roadworthy.reports.bundle import FILE_NAME, Bundle, read_bundle
from roadworthy.reports.joining import hindrances, mixed_rounds
from roadworthy.reports.matrix import build
from roadworthy.reports.merging import SOURCES, merged, merged_text
from roadworthy.reports.records import Cuts, Result


def part(place, name, lanes, started=sample.STARTED, drop=0, **plan) -> Bundle:
    """A run of some lanes, read back; `drop` leaves out so many of its last lines."""
    of = msgspec.structs.replace(sample.plan(name, started, lanes), **plan)
    records = sample.records(of)
    return read_bundle(sample.write(place / name, records[: len(records) - drop]))


@pytest.fixture
def parts(tmp_path):
    """A night of three machines; two began in the same second."""
    native, overlay, xfs, btrfs, *_ = sample.LANES
    return [
        part(tmp_path, "b", [overlay, xfs]),
        part(tmp_path, "a", [native]),
        part(tmp_path, "c", [btrfs], "2026-11-23T01:00:00Z", suite={"version": "0.5.0", "commit": "4f1c9a2"}),
    ]


def read(place, text) -> Bundle:
    """A bundle of this text, read."""
    place.mkdir()
    (place / FILE_NAME).write_text(text)
    return read_bundle(place)


def test_any_order_makes_one_text(parts):
    """Whatever order the parts are named in."""
    assert len({merged_text(order) for order in itertools.permutations(parts)}) == 1


def test_where_the_parts_lie_does_not_count(parts, tmp_path):
    """A merged bundle says nothing of paths."""
    moved = [read(tmp_path / f"moved-{at}", (tmp_path / one / FILE_NAME).read_text()) for at, one in enumerate("cab")]
    assert merged_text(moved) == merged_text(parts)


def test_the_matrix_of_a_merged_bundle_is_that_of_its_parts(parts, tmp_path):
    """Lanes, checks, verdicts, benchmarks, curves and counts; it is whole."""
    whole = read(tmp_path / "whole", merged_text(parts))
    assert whole.troubles == ()
    one, many = build([whole]), build(parts)
    assert {column.lane.id for column in one.columns} == {column.lane.id for column in many.columns}
    cells = [{(column.lane.id, row.check.id): cell and (cell.verdict, cell.result) for row in matrix.rows
              for column, cell in zip(matrix.columns, row.cells, strict=True)} for matrix in (one, many)]  # fmt: skip
    assert cells[0] == cells[1]
    assert [len(found.records) for found in one.comparisons] == [len(found.records) for found in many.comparisons]
    assert sum(map(bool, (cell for row in one.counted for cell in row.cells))) == sum(
        map(bool, (cell for row in many.counted for cell in row.cells))
    )


def test_the_sources_are_kept(parts):
    """Each with its command line and its suite; what all suites have stands beside them, also after a second merge."""
    plan = merged(parts)[0]
    assert [one["run"] for one in plan.suite[SOURCES]] == ["c", "a", "b"]
    assert plan.suite["commit"] == "4f1c9a2"
    assert "version" not in plan.suite
    assert plan.started == "2026-11-23T01:00:00Z"
    assert re.fullmatch("20261123-010000-[0-9a-f]{6}", plan.run)


def test_one_bundle_alone_stays_the_run_that_it_is(parts, tmp_path):
    """Its name, its command line and its end; so does one that was cut short."""
    alone = read(tmp_path / "alone", merged_text(parts[:1]))
    assert (alone.plan, alone.results, alone.end) == (parts[0].plan, parts[0].results, parts[0].end)
    cut = part(tmp_path, "cut", [sample.LANES[4]], drop=1)
    assert read(tmp_path / "again", merged_text([cut])).troubles == cut.troubles


def test_a_merged_bundle_can_be_merged_again(parts, tmp_path):
    """Its sources stay those that it was made from."""
    two = read(tmp_path / "two", merged_text(parts[:2]))
    plan = merged([two, parts[2]])[0]
    assert [one["run"] for one in plan.suite[SOURCES]] == ["c", "a", "b"]


def test_a_merged_bundle_names_no_file_that_it_does_not_have(parts, tmp_path):
    """Raw files of benchmarks stay with their run, and so do logs of power cuts."""
    assert any(sample_.raw for one in parts for record in one.benchmarks for sample_ in record.samples)
    whole = read(tmp_path / "whole", merged_text(parts))
    assert not any(sample_.raw for record in whole.benchmarks for sample_ in record.samples)


def test_a_merged_bundle_has_what_cuts_said_and_no_log_of_them(tmp_path):
    """Also one bundle alone, as it is given away; results without cuts, or whose log was not kept, stay as they are."""
    found = part(tmp_path, "cuts", sample.LANES[:1])
    said = Cuts(operation="write", does="A file.", looked=3, flushes=2, worst="whole", kept=True)
    kept, loose, plain = (
        msgspec.structs.replace(found.results[at], cuts=cuts)
        for at, cuts in enumerate((said, msgspec.structs.replace(said, kept=False), None))
    )
    records = [found.plan, *found.lanes, kept, loose, plain, found.end]
    bundle = read_bundle(sample.write(tmp_path / "with-logs", records))
    assert [one.cuts and one.cuts.kept for one in bundle.results] == [True, False, None]
    results = [one for one in merged([bundle]) if isinstance(one, Result)]
    assert [one.cuts for one in results] == [loose.cuts, loose.cuts, None]
    assert [msgspec.structs.replace(one, cuts=None) for one in results] == [
        msgspec.structs.replace(one, cuts=None) for one in bundle.results
    ]


def test_a_command_line_stays_if_it_is_that_of_all(parts, tmp_path):
    """Otherwise it would be a lie of some."""
    assert merged(parts)[0].argv == parts[0].plan.argv != []
    other = part(tmp_path, "other", [sample.LANES[4]], argv=["--driver=vfs"])
    assert merged([*parts, other])[0].argv == []


def test_integers_and_texts_of_other_writers_stay(tmp_path):
    """Integers above 64 bits, and half of a pair of surrogates."""
    records = [msgspec.to_builtins(one) for one in sample.records(sample.plan("odd", lanes=sample.LANES[:1]))]
    records[1]["facts"] = {"counter": 10**30, "name": "\ud800"}
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / FILE_NAME).write_text("".join(f"{json.dumps(one)}\n" for one in records))
    whole = read(tmp_path / "whole", merged_text([read_bundle(tmp_path / "odd")]))
    assert whole.lanes[0].facts == {"counter": 10**30, "name": "\ud800"}


def test_a_truncated_part_makes_a_truncated_bundle(parts, tmp_path):
    """The merged one says which, and why."""
    cut = part(tmp_path, "cut", [sample.LANES[4]], drop=1)
    (trouble,) = read(tmp_path / "whole", merged_text([*parts, cut])).troubles
    assert "ended early" in trouble
    assert "cut: it has no closing record" in trouble
    assert merged([*parts, cut])[-1].exit_status == 2
    assert merged(parts)[-1].exit_status == max(one.end.exit_status for one in parts)


def test_parts_of_one_run_do_not_hinder_each_other(parts):
    """And neither do two runs that asked one lane different questions."""
    assert hindrances(parts) == []
    assert mixed_rounds(parts) == []


def test_one_lane_of_two_runs(tmp_path):
    """A run of checks and a run of benchmarks have a lane together, unless they mean different lanes by its name."""
    lane = sample.LANES[1]
    checks = part(tmp_path, "checks", [lane])
    plan = msgspec.structs.replace(sample.plan("bench", lanes=[lane]), cells=[])
    measured = [plan, *sample.sweep(lane, sample.random.Random(1)), sample.records()[-1]]
    fresh = [msgspec.structs.replace(one, metric="another") if hasattr(one, "metric") else one for one in measured]
    bench = read_bundle(sample.write(tmp_path / "bench", fresh))
    assert hindrances([checks, bench]) == []
    fresh[0] = msgspec.structs.replace(plan, lanes=[msgspec.structs.replace(lane, backing="xfs")])
    (said,) = hindrances([checks, read_bundle(sample.write(tmp_path / "other", fresh))])
    assert said.startswith(f"duplicate lane {lane.id}: defined differently in ")


def test_a_lane_that_is_there_twice_is_named_with_its_bundles(parts, tmp_path):
    """How many questions have two answers, and where."""
    again = part(tmp_path, "again", sample.LANES[:1])
    (said,) = hindrances([*parts, again])
    assert said.startswith(f"duplicate lane {sample.LANES[0].id}: ")
    assert f"{tmp_path}/a/{FILE_NAME}" in said
    assert f"{tmp_path}/again/{FILE_NAME}" in said
    assert f"{tmp_path}/b/" not in said


def test_several_lanes_that_are_there_twice_are_one_sentence(tmp_path):
    """Of two runs of all of them."""
    lanes = sample.LANES[:2]
    (said,) = hindrances([part(tmp_path, name, lanes) for name in ("a", "b")])
    assert said.startswith(f"duplicate lanes {lanes[0].id}, {lanes[1].id}: answered twice in ")


def test_what_was_measured_twice_is_answered_twice(tmp_path):
    """Numbers of one lane in two runs; those of another lane are no second answer."""
    one, other = sample.LANES[1:3]

    def measured(name, lane):
        plan = msgspec.structs.replace(sample.plan(name, lanes=[one, other]), cells=[])
        return read_bundle(
            sample.write(tmp_path / name, [plan, *sample.sweep(lane, sample.random.Random(1)), sample.records()[-1]])
        )

    assert hindrances([measured("a", one), measured("b", other)]) == []
    (said,) = hindrances([measured("c", one), measured("d", one)])
    assert said.startswith(f"duplicate lane {one.id}: answered twice in ")


def test_a_sentence_names_six_bundles_and_the_number_of_the_others(tmp_path):
    """A night may have hundreds."""
    runs = [part(tmp_path, f"run{number}", sample.LANES[:1]) for number in range(7)]
    (six,), (seven,) = hindrances(runs[:6]), hindrances(runs)
    assert six.count(FILE_NAME) == seven.count(FILE_NAME) == 6
    assert " more" not in six
    assert seven.endswith(" and 1 more")


def test_mixed_schemas_are_named_with_their_bundles(parts, tmp_path):
    other = part(tmp_path, "newer", [sample.LANES[4]], schema="1.9")
    (said,) = hindrances([*parts, other])
    assert said.startswith("mixed schemas: 1.0 in ")
    assert said.endswith(f"1.9 in {tmp_path}/newer/{FILE_NAME}")


def test_a_truncated_bundle_is_named_unless_it_is_allowed(parts, tmp_path):
    cut = part(tmp_path, "cut", [sample.LANES[4]], drop=1)
    (said,) = hindrances([*parts, cut])
    assert said.startswith(f"truncated bundle {tmp_path}/cut/{FILE_NAME}: it has no closing record")
    assert hindrances([*parts, cut], truncated=True) == []


def test_mixed_rounds_are_named(parts, tmp_path):
    """A plan has one number of rounds."""
    twice = part(tmp_path, "twice", [sample.LANES[4]], rounds=2)
    assert mixed_rounds([*parts, twice])[0].endswith(f"2 in {tmp_path}/twice/{FILE_NAME}")
