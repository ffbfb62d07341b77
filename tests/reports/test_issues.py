"""Issues of others: how they are named, what file they stand in, and when one is alive, not here, or gone since."""

import pytest

from roadworthy.drivers import DRIVERS
from roadworthy.reports.claims import Answered, ClaimError, load
from roadworthy.reports.issues import address, load_issues, sentences, whole
from roadworthy.reports.matrix import Column, Matrix
from roadworthy.reports.records import Lane

ISSUES = load_issues()


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("moby#25409", "moby/moby#25409"),
        ("moby/moby#25409", "moby/moby#25409"),
        ("https://github.com/moby/moby/issues/25409", "moby/moby#25409"),
        ("https://github.com/npm/cli/issues/2182#issuecomment-1", "npm/cli#2182"),
        ("docker/for-linux#388", "docker/for-linux#388"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_issue_is_named_as_people_do(word, name):
    assert whole(word) == name


def test_an_owner_may_be_left_out_if_only_one_has_the_issue():
    """As people write who mean one repository; a number that two repositories of one name have stays as it is."""
    known = ("containers/podman#8005", "one/tool#1", "other/tool#1", "npm/cli#8005")
    assert whole("podman#8005", known) == "containers/podman#8005"
    assert whole("tool#1", known) == "tool#1"
    assert whole("podman#8006", known) == "podman#8006"


def test_there_are_issues_of_many_projects():
    """At least sixty, of engines, of the kernel's file systems, and of software that broke on them; none twice."""
    names = [issue.name for issue in ISSUES]
    assert len(names) >= 60
    assert len({name.lower() for name in names}) == len(names)
    owners = {name.partition("#")[0] for name in names}
    assert {"moby/moby", "containerd/containerd", "containers/podman", "containers/storage",
            "containers/fuse-overlayfs"} < owners  # fmt: skip
    assert len(owners) >= 20


@pytest.mark.parametrize("issue", ISSUES, ids=lambda issue: issue.name)
def test_an_issue_is_said_in_one_sentence_and_has_an_address(issue):
    """What was said ends as a sentence does, and its address leads to it and back."""
    assert issue.says.endswith(".")
    assert "\n" not in issue.says
    assert whole(address(issue.name)) == issue.name


def test_an_issue_has_an_address():
    assert address("npm/cli#2182") == "https://github.com/npm/cli/issues/2182"


@pytest.mark.parametrize("issue", ISSUES, ids=lambda issue: issue.name)
def test_what_answers_an_issue_exists(issue, declared_checks):
    """Checks and drivers that are there, or a reason why nothing answers."""
    assert {check for check in issue.checks if check not in declared_checks} == set()
    assert {*issue.drivers} <= {*DRIVERS}
    assert bool(issue.checks) != bool(issue.untested)
    assert not issue.kept


def test_issues_are_no_claims_of_the_article():
    """They have a file of their own in the directory."""
    assert not {claim.name for claim in load()} & {issue.name for issue in ISSUES}


def test_a_name_that_is_no_issue_is_refused(tmp_path):
    (tmp_path / "issues.toml").write_text('["moby"]\nsays = "x"\nchecks = ["a/b"]\n')
    with pytest.raises(ClaimError, match="an issue is OWNER/REPOSITORY#NUMBER"):
        load_issues(tmp_path / "issues.toml")


def column(engine, kernel="6.1", driver="overlay2"):
    lane = Lane(id=f"{driver}-ext4-{engine}-linux{kernel}", driver=driver, backing="ext4", engine=engine, kernel=kernel)
    return Column(lane, "ready", "", (), (), True)


def told(*answered):
    """The sentences about an issue whose answer on each of these columns is given."""
    columns = [one for one, _ in answered]
    words = dict.fromkeys(word for _, word in answered)
    lanes = tuple((word, tuple(one.lane.id for one, found in answered if found == word)) for word in words)
    matrix = object.__new__(Matrix)
    object.__setattr__(matrix, "columns", columns)
    return list(sentences(Answered(ISSUES[0], lanes), matrix))


def test_an_issue_is_alive_where_its_checks_break():
    assert told((column("docker20.10"), "holds"), (column("docker20.10", driver="vfs"), "does not hold")) == [
        "alive on overlay2-ext4-docker20.10-linux6.1", "not here on vfs-ext4-docker20.10-linux6.1",
    ]  # fmt: skip
    assert told() == ["not asked by these runs"]


@pytest.mark.parametrize("axis", ["engine", "kernel"])
def test_an_issue_that_a_later_release_lacks_is_gone(axis):
    """By numbers, between neighbours, and only if all else is alike."""
    releases = ("docker5.9", "docker20.10", "docker28.5") if axis == "engine" else ("5.10", "6.1", "6.12")
    columns = [column(one) if axis == "engine" else column("docker20.10", one) for one in reversed(releases)]
    found = told(*zip(columns, ("does not hold", "does not hold", "holds"), strict=True))
    assert found[-1] == f"gone on overlay2 from {releases[0]} to {releases[1]}"
    assert sum("gone" in sentence for sentence in found) == 1
