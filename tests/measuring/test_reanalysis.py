"""Stored samples say the same again, and a record that was changed is noticed."""

import msgspec
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.measuring.reanalysis import different
from roadworthy.measuring.statistics import METHOD, SEED, answer, of_samples
from roadworthy.reports.records import SCHEMA, Benchmark, End, Lane, Plan, Sample

NAMES = ("native", "overlay2")


def record(factor=1.3, void=()):
    samples = [
        Sample(
            row=row, order=order, side=side, value=10 + (row * 7 % 5) * (order + 1) / 10, void="broken" * (row in void)
        )
        for row in range(12)
        for order, side in enumerate(("baseline", "again", "arm"))
    ]
    samples = [msgspec.structs.replace(s, value=s.value * factor) if s.side == "arm" else s for s in samples]
    found = of_samples(NAMES, samples)
    verdict, reason = answer({"a": True}, found, "")
    made = Benchmark(
        lane="l", benchmark="data/x", nodeid="n", at="", metric="time per I/O", unit="ns", baseline=found.baseline,
        arm=found.arm, ratio=found.ratio.ratio, ratio_low=found.ratio.low, ratio_high=found.ratio.high, verdict=verdict,
        reason=reason, guards={"a": True}, twin=found.twin_record(), samples=samples,
        method={"version": METHOD, "seed": SEED},
    )  # fmt: skip
    # As it comes back from a bundle.
    return msgspec.json.decode(msgspec.json.encode(made), type=Benchmark)


def test_stored_samples_give_the_same_verdict():
    """A record that went through JSON is analysed to the same numbers, bit for bit."""
    assert list(different(record())) == []
    assert list(different(record(void={3, 5}))) == []


def test_a_changed_number_is_noticed():
    """A ratio that its samples do not give is named with both values."""
    found = list(different(msgspec.structs.replace(record(), ratio=1.0)))
    assert len(found) == 1
    assert "the ratio is" in found[0]


def test_a_changed_sample_is_noticed():
    """So is a sample."""
    whole = record()
    whole.samples[2] = msgspec.structs.replace(whole.samples[2], value=99.0)
    assert list(different(whole))


def test_another_method_is_said():
    """What another version of the analysis said is not compared."""
    made = msgspec.structs.replace(record(), method={"version": "0", "seed": 1})
    assert "method 0" in next(iter(different(made)))


def test_the_command_says_what_differs(tmp_path):
    """`roadworthy bench analyse` counts records, names what differs, and ends with 1 for it."""
    good = record()
    bad = msgspec.structs.replace(good, benchmark="data/y", ratio=1.0)
    for name, records in {"good": [good], "bad": [good, bad]}.items():
        with_bundle(tmp_path / name, records)
    kept = CliRunner().invoke(main, ["bench", "analyse", str(tmp_path / "good")])
    assert (kept.exit_code, kept.output) == (0, "1 record analysed again, no differences\n")
    changed = CliRunner().invoke(main, ["bench", "analyse", str(tmp_path / "bad")])
    assert changed.exit_code == 1
    assert "l data/y: the ratio is" in changed.output


def with_bundle(directory, records):
    """A bundle of one lane that holds these records."""
    lane = Lane(id="l", driver="overlay2", backing="ext4", engine="docker-20.10", kernel="6.1")
    plan = Plan(
        schema=SCHEMA, run=directory.name, started="2026-11-24T00:00:00Z", suite={}, argv=[], lanes=[lane], checks=[],
        cells=[],
    )  # fmt: skip
    directory.mkdir()
    lines = [plan, *records, End(finished="2026-11-24T00:01:00Z", exit_status=0, counts={})]
    (directory / "bundle.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
