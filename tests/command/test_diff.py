"""The command `roadworthy diff`: what changed between two runs, and whether it is worse."""

import json
import re

from asked import DRIVERS, KERNELS, ask

from roadworthy.command.exits import FOUND, MISTAKE


def changed(tmp_path, name, old, new):
    """A copy of the recorded run of drivers in which each verdict `old` of the first check that has it is `new`."""
    lines = (DRIVERS / "bundle.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    check = next(record["check"] for record in records if record.get("verdict") == old)
    for record in records:
        if record.get("check") == check and record.get("verdict") == old:
            record |= {"verdict": new, "reason": f"as {name}"}
            record.pop("deviation", None)
    (tmp_path / name).mkdir()
    (tmp_path / name / "bundle.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return check, str(tmp_path / name)


def test_a_run_and_itself_have_no_change():
    """It is said, and the command is content."""
    done = ask("diff", str(DRIVERS), str(DRIVERS))
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "nothing changed")


def test_a_new_failure_is_told_first_and_fails_the_command(tmp_path):
    """With the reason; in the other direction it is one that is gone, and nothing is worse."""
    check, worse = changed(tmp_path, "worse", "pass", "fail")
    done = ask("diff", str(DRIVERS), worse)
    assert done.exit_code == FOUND
    assert "newly failing" in done.stdout.splitlines()[0]
    assert any(check in line and "as worse" in line for line in done.stdout.splitlines())
    back = ask("diff", worse, str(DRIVERS))
    assert back.exit_code == 0
    assert "no longer failing" in back.stdout.splitlines()[0]


def test_programs_get_every_change(tmp_path):
    """--json has what the text has, with nothing left out; Markdown has a table a kind."""
    check, worse = changed(tmp_path, "worse", "known", "pass")
    found = json.loads(ask("diff", str(DRIVERS), worse, "--json").stdout)
    assert {one["check"] for one in found["changes"]} == {check}
    assert found["counts"] == {"changed": len(found["changes"])}
    assert "| lane | check | before | after | why |" in ask("diff", str(DRIVERS), worse, "--markdown").stdout


def test_runs_of_other_lanes_are_new_lanes_and_lanes_that_are_gone():
    """Each is one line, whatever the number of its checks."""
    done = ask("diff", str(KERNELS), str(DRIVERS))
    assert done.exit_code == 0
    assert "new lane" in done.stdout
    assert "lane gone" in done.stdout


def test_what_is_no_run_is_a_mistake(tmp_path):
    done = ask("diff", str(tmp_path), str(DRIVERS))
    assert done.exit_code == MISTAKE


def copied(tmp_path, name, change=lambda record: None, drop=0):
    """A copy of the recorded run of drivers whose records are changed, without its last `drop` lines."""
    records = [json.loads(line) for line in (DRIVERS / "bundle.jsonl").read_text().splitlines()]
    for record in records:
        change(record)
    (tmp_path / name).mkdir(parents=True)
    lines = [json.dumps(record) + "\n" for record in records[: len(records) - drop]]
    (tmp_path / name / "bundle.jsonl").write_text("".join(lines))
    return tmp_path / name


def test_mixed_schemas_are_refused_by_name(tmp_path):
    """Of the two sides, and on one side."""
    newer = copied(tmp_path, "newer/run", lambda record: "schema" in record and record.update(schema="1.7"))
    for place in (newer, newer.parent):
        done = ask("diff", DRIVERS, place)
        assert done.exit_code == MISTAKE
        assert f"mixed schemas: 1.0 in {DRIVERS}/bundle.jsonl; 1.7 in {newer}/bundle.jsonl" in done.stderr
    copied(tmp_path, "newer/other")
    assert "mixed schemas" in ask("diff", DRIVERS, newer.parent).stderr


def test_a_lane_that_one_side_has_twice_is_refused_by_name(tmp_path):
    """Which of them counts is not ours to say."""
    one, two = copied(tmp_path, "night/one"), copied(tmp_path, "night/two")
    done = ask("diff", DRIVERS, tmp_path / "night")
    assert done.exit_code == MISTAKE
    assert re.search(r"duplicate lanes .*\bvfs-ext4-docker20\.10-linux6\.18\b.*: answered twice in ", done.stderr)
    assert f"{one}/bundle.jsonl, {two}/bundle.jsonl" in done.stderr


def test_a_truncated_bundle_is_refused_by_name_unless_it_is_allowed(tmp_path):
    """Its checks would be gone, or not reported; allowed, what it lacks is told beside the answer."""
    cut = copied(tmp_path, "cut", drop=2)
    done = ask("diff", DRIVERS, cut)
    assert done.exit_code == MISTAKE
    assert f"truncated bundle {cut}/bundle.jsonl: it has no closing record" in done.stderr
    done = ask("diff", DRIVERS, cut, "--allow-truncated")
    assert done.exit_code == FOUND
    assert "1 not reported" in done.stdout.splitlines()[0]
    assert "incomplete" in done.stderr
