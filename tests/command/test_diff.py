"""The command `roadworthy diff`: what changed between two runs, and whether it is worse."""

import json

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
