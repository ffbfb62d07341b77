"""Claims: what verdicts answer to them, and that each asks checks which exist."""

import ast
import dataclasses
import random
import re
from functools import reduce
from operator import or_
from pathlib import Path

import msgspec
import pytest
import sample
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.declaring.features import Feature
from roadworthy.drivers import DRIVERS
from roadworthy.machines.backing import BACKINGS
from roadworthy.reports.claims import KEPT, ClaimError, answer, answers, article, asking, load
from roadworthy.reports.costs import cost, findings
from roadworthy.reports.matrix import build
from roadworthy.reports.records import Sample, Twin

ROOT = Path(__file__).parents[2]


@pytest.fixture
def claims(tmp_path):
    """Reads claims of this text."""

    def read(text):
        (tmp_path / "claims.toml").write_text(text)
        return load(tmp_path)

    return read


@pytest.mark.parametrize(
    ("true_if", "kept", "said"),
    [
        ("kept", [True, True], "holds"),
        ("kept", [True, False], "holds in part"),
        ("kept", [False], "does not hold"),
        ("broken", [False, False], "holds"),
        ("broken", [True], "does not hold"),
        ("broken", [True, False], "holds in part"),
    ],
)
def test_verdicts_answer(claims, true_if, kept, said):
    """A claim holds where all its checks say so, and a claim of a defect where all of them are broken."""
    (found,) = claims(f'[S1]\nsays = "So."\nchecks = ["a/b"]\ntrue_if = "{true_if}"\n')
    assert answer([one == found.kept for one in kept]) == said


def test_answers_are_those_of_the_lanes_it_speaks_of(claims, bundle):
    """Only lanes with a driver that the claim names answer, by their own verdicts; the reference never does."""
    matrix = build([bundle])
    row = next(row for family in matrix.families for row in family.rows
               if all(cell is not None and cell.verdict in KEPT for cell in row.cells))  # fmt: skip
    check = row.check.id.partition("[")[0]
    (found,) = answers(claims(f'[S1]\nsays = "So."\nchecks = ["{check}"]\ndrivers = ["overlay2"]\n'), matrix)
    lanes = {lane for _, lanes in found.lanes for lane in lanes}
    assert lanes == {column.lane.id for column in matrix.columns if column.lane.driver == "overlay2"}
    (everywhere,) = answers(claims(f'[S1]\nsays = "So."\nchecks = ["{check}"]\n'), matrix)
    assert not any(lane.startswith("native-") for _, lanes in everywhere.lanes for lane in lanes)
    (nowhere,) = answers(claims('[S1]\nsays = "So."\nchecks = ["no/such"]\n'), matrix)
    assert nowhere.lanes == ()


OVERLAY, XFS, BTRFS = sample.LANES[1], sample.LANES[2], sample.LANES[3]


@pytest.fixture
def measured(bundle):
    """A matrix of these records alone, on the sample's lanes."""

    def build_of(*records):
        kinds = {"Benchmark": "benchmarks", "Trend": "trends", "Count": "counts"}
        found = {kind: [r for r in records if type(r).__name__ == name] for name, kind in kinds.items()}
        return build([dataclasses.replace(bundle, **{kind: tuple(mine) for kind, mine in found.items()})])

    return build_of


#: What the baseline shows against itself: 4 % at most.
TWIN = Twin(ratio=1.01, low=0.97, high=1.04, verdict="equivalent")


def time_of(lane, ratio, verdict="slower", low=0.95, high=1.05, twin=TWIN, **more):
    some = sample.benchmark(lane, "data/fsync/upper", "latency", "ns", random.Random(1))
    return msgspec.structs.replace(
        some, ratio=ratio, ratio_low=ratio * low, ratio_high=ratio * high, verdict=verdict, reason="", twin=twin, **more
    )


@pytest.mark.parametrize(
    ("test", "ratio", "verdict", "holds"),
    [
        ({"verdict": "slower"}, 2.0, "slower", True),
        ({"verdict": "slower"}, 1.0, "equivalent", False),
        ({"verdict": "slower"}, 1.1, "inconclusive", None),
        ({"verdict": "slower"}, 2.0, "invalid", None),
        ({"verdict": ["slower", "invalid"]}, 0.5, "invalid", True),
        ({"ratio_most": 1.25}, 1.1, "slower", True),
        ({"ratio_most": 1.25}, 1.22, "slower", None),
        ({"ratio_most": 1.25}, 2.0, "slower", False),
        ({"ratio_least": 1.5}, 2.0, "slower", True),
        ({"ratio_least": 1.5}, 1.0, "equivalent", False),
    ],
)
def test_a_time_answers_with_its_whole_interval(measured, test, ratio, verdict, holds):
    """A verdict or a bound is met, missed, or cannot be told; the number is the reason."""
    matrix = measured(time_of(OVERLAY, ratio, verdict))
    (found,) = findings(cost({"benchmark": "data/fsync", **test}), matrix.columns[1], matrix)
    assert found.holds is holds
    assert "data/fsync/upper" in found.because


@pytest.mark.parametrize(
    ("test", "record", "because"),
    [
        ({"verdict": "slower"}, {"ratio": 1.61, "low": 0.75, "high": 5.06}, "further apart than a factor of 2"),
        ({"ratio_least": 1.2}, {"ratio": 1.61, "low": 0.76, "high": 5.06}, "further apart than a factor of 2"),
        ({"verdict": "slower"}, {"ratio": 2.0, "twin": None}, "not measured against itself"),
        ({"verdict": "slower"}, {"ratio": 1.2, "twin": Twin(ratio=1.1, low=0.95, high=1.3, verdict="inconclusive")},
         "does not exceed that of the baseline against itself, 0.95 to 1.3"),
        ({"ratio_most": 1.1}, {"ratio": 1.2, "twin": Twin(ratio=0.9, low=0.8, high=1.0, verdict="inconclusive")},
         "does not exceed that of the baseline against itself, 0.8 to 1"),
        ({"ratio_least": 1.1}, {"ratio": 1.2, "twin": Twin(ratio=0.9, low=0.8, high=1.0, verdict="inconclusive")},
         "does not exceed that of the baseline against itself, 0.8 to 1"),
    ],
    ids=["wide", "wide bound", "no A/A", "within A/A", "within A/A, above a bound", "within A/A, least"],
)  # fmt: skip
def test_a_time_that_proves_nothing_decides_nothing(measured, test, record, because):
    """A wide interval, and a difference that the baseline shows against itself, leave a claim open and say so."""
    (found,) = findings(cost({"benchmark": "data/fsync", **test}), *on_overlay(measured(time_of(OVERLAY, **record))))
    assert found.holds is None
    assert because in found.because


def test_no_difference_has_to_exceed_nothing(measured):
    """That a cost is bounded, or equivalent, is said of a narrow interval whatever A/A shows."""
    twin = Twin(ratio=1.0, low=0.9, high=1.12, verdict="inconclusive")
    for test, ratio, verdict in (({"ratio_most": 1.25}, 1.1, "slower"), ({"verdict": "equivalent"}, 1.0, "equivalent")):
        matrix = measured(time_of(OVERLAY, ratio, verdict, twin=twin))
        (found,) = findings(cost({"benchmark": "data/fsync", **test}), *on_overlay(matrix))
        assert found.holds is True


def on_overlay(matrix):
    return matrix.columns[1], matrix


def test_times_under_emulation_do_not_answer(measured):
    """What is not published cannot hold nor fail; the reason is told."""
    matrix = measured(time_of(OVERLAY, 2.0, unpublished=sample.EMULATED))
    (found,) = findings(cost({"benchmark": "data/fsync", "verdict": "slower"}), matrix.columns[1], matrix)
    assert (found.holds, "emulation" in found.because) == (None, True)


def test_trends_and_counts_answer(measured):
    """A trend answers with its verdict, a count with its value or as many times its baseline's."""
    dice = random.Random(1)
    pages = sample.count(OVERLAY, "space/page-cache", "pages of five", "pages", 500.0, baseline=100.0)
    matrix = measured(*sample.sweep(OVERLAY, dice), pages)

    def said(**row):
        return [one.holds for one in findings(cost(row), matrix.columns[1], matrix)]

    assert said(benchmark="copy-up/first-write", trend="grows") == [True]
    assert said(benchmark="copy-up/first-write", stratum="upper", trend="grows") == []
    assert said(benchmark="copy-up/first", trend="grows") == []
    assert said(benchmark="space/page-cache", share_least=3) == [True]
    assert said(benchmark="space/page-cache", metric="pages *", share_most=1.5) == [False]
    assert said(benchmark="space/page-cache", metric="bytes *", share_most=1.5) == []
    assert said(benchmark="space/page-cache", value_most=1000) == [True]
    assert said(benchmark="space/page-cache", value_most=1000, backing="xfs") == []
    assert said(benchmark="space/page-cache", value_most=1000, drivers=["btrfs"]) == []
    assert len(said(benchmark="copy-up/first-write", ratio_least=1)) == len(sample.SIZES)


def test_what_the_device_did_answers_where_times_do_not(measured):
    """Of whole rows, for one operation; the baseline is both of its sides. What is void counts on neither."""
    sides = {"baseline": 4096.0, "again": 8192.0, "arm": 65536.0}
    samples = [
        Sample(row=row, order=0, side=side, value=1.0, operations=2, counters={"device bytes written": each * 2},
               void="" if row else "cold")
        for row, each_side in ((0, dict.fromkeys(sides, 1e9)), (1, sides)) for side, each in each_side.items()
    ]  # fmt: skip
    matrix = measured(time_of(OVERLAY, 2.0, unpublished=sample.EMULATED, samples=samples))

    def said(**row):
        return findings(cost({"benchmark": "data/fsync", **row}), matrix.columns[1], matrix)

    (found,) = said(counter="bytes written", share_most=8)
    assert found.holds is False
    assert found.because.endswith("bytes written per operation: 64 KiB, 10.7 times the 6 KiB of the baseline")
    assert [one.holds for one in said(counter="bytes written", value_most=65536)] == [True]
    assert said(counter="flushes", value_most=0) == []
    invalid = measured(time_of(OVERLAY, 2.0, "invalid", samples=samples))
    (found,) = findings(cost({"benchmark": "data/fsync", "counter": "bytes written", "value_most": 1}),
                        invalid.columns[1], invalid)  # fmt: skip
    assert (found.holds, "invalid" in found.because) == (None, True)
    with pytest.raises(ValueError, match="asked by value or share, not by verdict"):
        cost({"benchmark": "data/fsync", "counter": "flushes", "verdict": "slower"})


def test_lanes_are_compared_with_those_of_other_drivers(measured):
    """Less than another driver is said where the intervals are apart."""
    matrix = measured(time_of(OVERLAY, 1.0), time_of(BTRFS, 2.0), time_of(XFS, 1.95))
    asked = cost({"benchmark": "data/fsync", "less_than": "btrfs"})
    for column, holds in ((1, True), (2, None)):
        (found,) = findings(asked, matrix.columns[column], matrix)
        assert found.holds is holds
        assert BTRFS.id in found.because
    both = findings(cost({"benchmark": "data/fsync", "less_than": ["btrfs", "aufs"]}), matrix.columns[1], matrix)
    assert [one.holds for one in both] == [True, None]
    assert both[1].because == "not measured: data/fsync on aufs"
    (wide,) = findings(asked, *on_overlay(measured(time_of(OVERLAY, 1.0, low=0.5, high=1.5), time_of(BTRFS, 2.0))))
    assert wide.holds is None
    noisy = Twin(ratio=1.0, low=0.6, high=1.1, verdict="inconclusive")
    (near,) = findings(asked, *on_overlay(measured(time_of(OVERLAY, 1.0), time_of(BTRFS, 1.5, twin=noisy))))
    assert (near.holds, "no more than a baseline from itself" in near.because) == (None, True)


def test_a_part_that_was_not_measured_leaves_a_claim_open(claims, measured):
    """Where one of two benchmarks was run, a claim does not hold yet, and says which one is missing."""
    text = '[C1]\nsays = "So."\ncosts = [{ benchmark = "data/fsync", verdict = "slower" }, '
    text += '{ benchmark = "life/layers", value_least = 1 }, { benchmark = "a/b", value_least = 1, backing = "zfs" }]\n'
    (found,) = answers(claims(text), measured(time_of(OVERLAY, 2.0)))
    assert found.lanes == (("undecided", (OVERLAY.id,)),)
    assert found.why[0][1][1:] == ("not measured: life/layers: count at least 1",)


def test_checks_that_were_not_asked_leave_a_claim_open(claims, bundle):
    """A lane on which one of two checks was not planned, skipped or never heard of does not hold; it says which."""
    rows = [row for row in build([bundle]).rows if all(cell and cell.verdict == "pass" for cell in row.cells)]
    first, second = (row.check.id for row in rows[:2])

    def answered(*names, without=(), skipped=()):
        cells = [(lane, check) for lane, check in bundle.plan.cells if check not in without or lane != OVERLAY.id]
        plan = msgspec.structs.replace(bundle.plan, cells=cells)
        results = [
            msgspec.structs.replace(one, verdict="skipped") if (one.lane, one.check) in skipped else one
            for one in bundle.results
            if (one.lane, one.check) in set(cells)
        ]
        text = f'[S1]\nsays = "So."\ndrivers = ["overlay2"]\nchecks = {[*names]}\n'.replace("'", '"')
        (found,) = answers(claims(text), build([dataclasses.replace(bundle, plan=plan, results=tuple(results))]))
        return dict(found.lanes), dict(found.why)

    lanes, _ = answered(first, second)
    assert lanes == {"holds": (OVERLAY.id, XFS.id)}
    lanes, why = answered(first, second, without=[second])
    assert lanes == {"holds": (XFS.id,), "undecided": (OVERLAY.id,)}
    assert why[OVERLAY.id] == (f"not asked: {second}",)
    lanes, why = answered(first, second, skipped=[(OVERLAY.id, second)])
    assert lanes == {"holds": (XFS.id,), "undecided": (OVERLAY.id,)}
    assert why[OVERLAY.id] == (f"{second}: skipped",)
    lanes, why = answered(first, "no/such")
    assert lanes == {"undecided": (OVERLAY.id, XFS.id)}
    assert why[XFS.id] == ("not asked: no/such",)


def test_the_article_is_named(tmp_path):
    """The table that names it is no claim; an address is its own key, and may be left out."""
    assert "2016" in article().title
    (tmp_path / "semantics.toml").write_text('[article]\ntitle = "It."\naddress = "https://example.org/it"\n')
    assert (article(tmp_path).title, article(tmp_path).address) == ("It.", "https://example.org/it")
    assert load(tmp_path) == ()
    (tmp_path / "semantics.toml").write_text('[S1]\nsays = "So."\nchecks = ["a/b"]\n')
    with pytest.raises(ClaimError, match="article: expected a table with a title"):
        article(tmp_path)


def test_a_claim_as_a_whole(claims, measured):
    """The lanes of each answer are named, and nothing is said of others; one condition may be enough."""
    text = '[C1]\nsays = "So."\n{more}costs = [{{ benchmark = "data/fsync", verdict = "slower" }}]\n'

    def overall(*records, more=""):
        (found,) = answers(claims(text.format(more=more)), measured(*records))
        return found.sentences

    slow, even = time_of(OVERLAY, 2.0), time_of(BTRFS, 1.0, "equivalent")
    assert overall(slow) == (f"holds on {OVERLAY.id}",)
    assert overall(slow, even) == (f"holds on {OVERLAY.id}", f"does not hold on {BTRFS.id}")
    assert overall(even) == (f"does not hold on {BTRFS.id}",)
    assert overall(time_of(OVERLAY, 1.1, "inconclusive")) == (f"undecided on {OVERLAY.id}",)
    assert overall() == ("not measured",)
    assert overall(slow, more='drivers = ["vfs"]\n') == ("not measured",)
    assert answer([True], open_ones=True) == "undecided"
    assert answer([False], open_ones=True) == "undecided"
    assert answer([True, False], open_ones=True) == "holds in part"
    assert answer([], one_is_enough=True) == answer([]) == "undecided"
    assert answer([True], one_is_enough=True, open_ones=True) == "holds"
    assert answer([False], one_is_enough=True, open_ones=True) == "undecided"
    assert answer([True, False], one_is_enough=True) == "holds"
    assert answer([False, False], one_is_enough=True) == "does not hold"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[S1]\nsays = "So."\n', "S1: a claim has a sentence in says, and checks or costs"),
        ('[S1]\nsays = "So."\nchecks = ["a"]\nchecs = 1\n', "unknown key 'checs'; did you mean 'checks'"),
        ('[C1]\nsays = "So."\ncosts = [{ benchmark = "a/b" }]\n', "C1: a/b: expected one test of verdict"),
        ('[C1]\nsays = "So."\ncosts = [{ benchmark = "a/b", ratio_mots = 1 }]\n', "did you mean 'ratio_most'"),
        ('[C1]\nsays = "So."\ncosts = [{ benchmark = "a/b", verdict = "slow" }]\n', "verdict 'slow' is none of slower"),
        ('[C1]\nsays = "So."\ncosts = [{ benchmark = "a/b", ratio_most = "2" }]\n', "ratio_most is a number"),
        ('[C1]\nsays = "So."\ncosts = ["a/b"]\n', "a cost is a table with a benchmark and a test"),
        ('[C1]\nsays = "So."\nchecks = ["a"]\nenough = "two"\n', "enough is all or one, not 'two'"),
        ('[S1]\nsays = "So."\nchecks = ["a"]\ntrue_if = "maybe"\n', "true_if is kept or broken, not 'maybe'"),
        ('[S1]\nsays = "So."\nchecks = ["a/*"]\n', "checks are named one by one, not as 'a/*'"),
        ("S1 = 3\n", "expected a table"),
        ("[S1\n", "claims.toml: "),
    ],
    ids=[
        "no checks",
        "misspelt key",
        "no test",
        "misspelt test",
        "verdict",
        "no number",
        "no cost",
        "enough",
        "true_if",
        "pattern",
        "no table",
        "no TOML",
    ],
)
def test_a_claim_that_cannot_be_used_is_refused(claims, text, said):
    """The file and the claim are named, and what was expected."""
    with pytest.raises(ClaimError) as refused:
        claims(text)
    assert said in str(refused.value)


def declared(directory, decorator):
    """The ids that a decorator gives to the functions of a directory's files."""
    for path in (ROOT / directory).rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == decorator and node.args:
                yield ast.literal_eval(node.args[0])


FROM_THE_ENGINE = Feature.DRIVER_SWITCH | Feature.CLASSIC_BUILDER


def features_needed():
    """The features that each check needs, as `@needs` says in the source."""
    found = {}
    for path in (ROOT / "conformance").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            given = {"check": [], "needs": []}
            for word in getattr(node, "decorator_list", []):
                if isinstance(word, ast.Call) and ast.unparse(word.func) in given:
                    given[ast.unparse(word.func)].append(word.args[0])
            for identity in given["check"]:
                found[identity.value] = reduce(or_, (Feature[word.id] for word in given["needs"]), Feature.NONE)
    return found


def test_every_claim_asks_checks_and_drivers_that_exist():
    """No claim names a check or a driver that the suite does not have."""
    known = {identity.partition("[")[0] for identity in declared("conformance", "check")}
    for claim in load():
        assert set(claim.drivers) <= set(DRIVERS), claim.name
        for check in claim.checks:
            assert check in known, f"{claim.name}: {check}"


def test_a_check_is_linked_to_the_claims_that_ask_it(claims):
    """The link has one source, the claim: a check with a case is found by its id."""
    text = '[S1]\nsays = "So."\nchecks = ["a/b"]\n[S2]\nsays = "So."\nchecks = ["a/b", "a/c"]\n'
    said = claims(text)
    assert asking(said, "a/b[lower]") == ["S1", "S2"]
    assert asking(said, "a/c") == ["S2"]
    assert asking(said, "c/b") == []


def test_no_check_names_a_claim_itself():
    """What is written twice comes to disagree: claims name checks, and a run's record has the link from them."""
    named = []
    for path in (ROOT / "conformance").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "check":
                named += [ast.unparse(node) for word in node.keywords if word.arg == "claim"]
    assert named == []


def test_a_claim_of_drivers_asks_what_they_can_be_asked():
    """A claim whose drivers lack what its checks need could never be answered."""
    needed = features_needed()
    for claim in load():
        for driver in claim.drivers:
            for check in claim.checks:
                lacking = needed.get(check, Feature.NONE) & ~(DRIVERS[driver].features | FROM_THE_ENGINE)
                assert not lacking, f"{claim.name}: {driver} is never asked {check}, for lack of {lacking}"


def test_every_claim_about_cost_names_benchmarks_and_drivers_that_exist():
    """No condition names a benchmark, a driver, a stratum or a backing that the suite does not have."""
    known = set(declared("bench", "measured"))
    for claim in load():
        for asked in claim.costs:
            assert asked.benchmark in known, f"{claim.name}: {asked.benchmark}"
            assert {*asked.drivers} <= {*(claim.drivers or DRIVERS)}, claim.name
            assert asked.test != "less_than" or {*asked.limit} <= set(DRIVERS), claim.name
            assert asked.stratum in ("", "lower", "upper"), claim.name
            assert asked.backing in ("", *BACKINGS), claim.name


def test_every_metric_that_a_claim_asks_for_is_reported():
    """The words of a metric's pattern stand in the benchmarks; one that is not reported could never answer."""
    words = set(re.findall(r"\w+", "".join(path.read_text() for path in (ROOT / "bench").rglob("*.py"))))
    patterns = {asked.metric for claim in load() for asked in claim.costs}
    assert [pattern for pattern in patterns if not set(re.findall(r"\w+", pattern)) <= words] == []


def test_the_command_prints_claims_and_their_answers(tmp_path):
    """Without a bundle the sentences and their checks; with one, what its lanes answer."""
    alone = CliRunner().invoke(main, ["claims"])
    assert alone.exit_code == 0
    assert "S49 Overlay does not support rename(2)" in alone.output
    assert "  asked by  rename/lower-populated-dir" in alone.output
    assert "data/aa: verdict equivalent, faster" in alone.output
    assert "  not tested  it compares a driver with a virtual machine's disk" in alone.output
    directory = sample.write(tmp_path / "b", sample.records())
    answered = CliRunner().invoke(main, ["claims", str(directory)])
    assert answered.exit_code == 0, answered.output
    assert f"holds on {BTRFS.id}" in answered.output
    assert "space/page-cache, pages for five readers: 81,920 pages, 5 times" in answered.output
    assert "not measured" in answered.output
    (tmp_path / "empty").mkdir()
    assert CliRunner().invoke(main, ["claims", str(tmp_path / "empty")]).exit_code == 4
