"""compat.json: statements from lanes that were asked and from nothing else, and the helper that asks them."""

from __future__ import annotations

import json

import pytest
from asked import ask
from sample_site import bundle, check, made

from roadworthy.command.exits import FOUND, MISTAKE, NO_ANSWER
from roadworthy.reports import sources
from roadworthy.reports.compat import Compat, CompatRefused, where
from roadworthy.reports.site import addresses

#: overlay2 on kernels and engines, and one lane with an option.
LANES = {
    "overlay2-ext4-docker20.10-linux5.10": {"rename/dir": "known", "link/a[lower]": "pass", "link/a[upper]": "pass"},
    "overlay2-ext4-docker20.10-linux6.1": {"rename/dir": "known", "link/a[lower]": "known", "link/a[upper]": "pass"},
    "overlay2-ext4-docker20.10-linux6.12": {"rename/dir": "pass", "link/a[lower]": "pass", "link/a[upper]": "pass"},
    "overlay2-ext4-docker26.1-linux6.12": {"rename/dir": "pass"},
    "overlay2-xfs-docker26.1-linux6.12": {"rename/dir": "skipped"},
    "vfs-ext4-docker26.1-linux6.12": {"link/a[lower]": "pass"},
}


@pytest.fixture
def file(tmp_path):
    """The file of a site of these lanes, one of them also with an option that helps."""
    root = tmp_path / "bundles" / "2026-11-30"
    bundle(root / "run", LANES)
    place = bundle(root / "with", {"overlay2-ext4-docker20.10-linux6.1": {"rename/dir": "pass"}})
    text = (place / "bundle.jsonl").read_text().replace("linux6.1", "linux6.1+overlay.redirect_dir=on")
    records = [json.loads(line) for line in text.splitlines()]
    records[0]["lanes"][0]["options"] = {"overlay.redirect_dir": "on"}
    (place / "bundle.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    made(tmp_path / "bundles", tmp_path / "public")
    return tmp_path / "public" / addresses.data("compat")


@pytest.fixture
def known(file):
    return Compat.read(file)


def test_a_range_says_what_was_asked_and_where_the_change_lies(known):
    """Two kernels break, the third does not: the change lies between 6.1 and 6.12, and engines that agree are one."""
    support = known.entry("rename/dir")["support"]["overlay2"]
    plain = [one for one in support if "flags" not in one]
    assert [(one["support"], one["backing"], one["engines"]) for one in plain] == [
        (True, "ext4", ["docker-26.1"]), (True, "ext4", ["docker-20.10"]), (False, "ext4", ["docker-20.10"]),
        (None, "xfs", ["docker-26.1"]),
    ]  # fmt: skip
    assert plain[1]["kernel"] == {"asked": ["6.12"], "first": "6.12", "last": "6.12", "after": "6.1", "before": ""}
    assert plain[2]["kernel"] == {
        "asked": ["5.10", "6.1"], "first": "5.10", "last": "6.1", "after": "", "before": "6.12",
    }  # fmt: skip


def test_an_option_is_a_flag(known):
    """It stands behind what needs none, and is what helps."""
    *_, last = known.entry("rename/dir")["support"]["overlay2"]
    assert last["flags"] == [{"type": "option", "name": "overlay.redirect_dir", "value_to_set": "on"}]
    here = known.ask("rename/dir", "overlay2", kernel="6.1")
    assert here.support == "no"
    assert "overlay.redirect_dir=on, on ext4, docker-20.10, Linux 6.1" in here.helps
    assert known.ask("rename/dir", "overlay2", kernel="6.1", flags={"overlay.redirect_dir": "on"}).support == "yes"


def test_what_was_not_asked_is_unknown(known):
    """A kernel between two that were asked, another driver, a check that was skipped; what is known elsewhere stays."""
    between = known.ask("rename/dir", "overlay2", kernel="5.15")
    assert (between.support, between.statements) == ("unknown", ())
    assert [where(one) for one in between.others][1] == "on ext4, docker-20.10, Linux 6.12"
    assert known.ask("rename/dir", "vfs").support == "unknown"
    assert known.ask("rename/dir", "overlay2", backing="xfs").support == "unknown"
    assert "vfs" not in known.entry("rename/dir")["support"]


def test_a_check_with_cases_is_kept_in_part(known):
    """The function is partial where one of its cases breaks, and says which; each case has an answer of its own."""
    assert known.checks == ["rename/dir", "link/a", "link/a[lower]", "link/a[upper]"]
    here = known.ask("link/a", "overlay2", kernel="6.1")
    (said,) = here.statements
    assert (here.support, said["support"], said["partial_implementation"]) == ("partial", "partial", True)
    assert said["notes"][0].startswith("[lower]: overlayfs will not rename")
    assert known.ask("link/a[lower]", "overlay2", kernel="6.1").support == "no"
    assert known.ask("link/a[upper]", "overlay2").support == "yes"


def test_a_statement_has_the_reason_its_id_and_the_source_of_the_promise(known):
    entry = known.entry("rename/dir")
    assert entry["spec_url"] == sources.addresses(check("rename/dir").source) != []
    (said,) = known.ask("rename/dir", "overlay2", kernel="5.10").statements
    assert said["notes"] == ["overlayfs will not rename a directory that has a lower layer unless redirect_dir is on"]
    assert said["deviations"][0].startswith("overlay2-")


def test_conditions_that_disagree_are_partial(known):
    """Without a kernel it is kept on some and not on others."""
    assert known.ask("rename/dir", "overlay2").support == "partial"
    assert known.ask("rename/dir", "overlay2", engine="docker-26.1").support == "yes"


def test_names_that_nobody_knows_are_answered_with_the_nearest(known, tmp_path):
    with pytest.raises(CompatRefused, match=r"no check 'rename/dirs'; did you mean 'rename/dir'\?"):
        known.ask("rename/dirs", "overlay2")
    with pytest.raises(CompatRefused, match=r"no driver 'overlay'; did you mean 'overlay2'\?"):
        known.ask("rename/dir", "overlay")
    for text in ("[]", "{", '{"__meta": {"version": "9.0"}}', "[" * 100_000):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(CompatRefused, match=r"other\.json: expected "):
            Compat.read(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["rename/dir", "--driver=overlay2", "--kernel=6.1"], FOUND, "overlayfs will not rename a directory"),
        (["rename/dir", "--driver=overlay2", "--kernel=6.12", "--backing=ext4"], 0, "yes"),
        (["rename/dir", "--driver=overlay2", "--kernel=5.15"], NO_ANSWER, "asked elsewhere: on ext4, docker-26.1"),
        (["rename/dir", "--driver=vfs"], NO_ANSWER, "never asked"),
        (["link/a"], FOUND, "partial"),
        (["rename/dir", "--driver=overlay2", "--kernel=6.1", "--flag=overlay.redirect_dir=on"], 0, "yes"),
    ],
)
def test_the_command_answers_by_its_exit_status(file, words, status, said):
    """0 is kept, 1 is broken or in part, 3 is unknown."""
    done = ask("compat", file, *words)
    assert (done.exit_code, said in done.stdout) == (status, True), done.stdout
    assert json.loads(ask("compat", file, *words, "--json").stdout)["check"] == words[0]


def test_a_mistake_is_answered_with_the_nearest_word(file):
    done = ask("compat", file, "rename/dri")
    assert (done.exit_code, "did you mean 'rename/dir'?" in done.stderr) == (MISTAKE, True)
    assert ask("compat", file, "rename/dir", "--flag=x").exit_code == MISTAKE
