"""The suite beside plugins that want the same options, and what it shows without a driver."""

import pytest

#: pytest-selenium and pytest-random-order, as far as their options go.
NEIGHBOUR = """
def pytest_addoption(parser):
    group = parser.getgroup("neighbour", "A neighbour")
    group.addoption("--driver", choices=["Firefox", "Chrome"], help="A web driver.")
    group.addoption("--random-order", action="store_true", dest="random_order_enabled", help="Any order.")

def pytest_report_header(config):
    return f"neighbour: {config.getoption('driver')}, {config.getoption('random_order_enabled')}"
"""
UNRELATED = "\n\ndef test_unrelated(): pass\n"
CHECKS = """
@check("sample/one", provenance=("lower", "upper"))
def test_one(fs, declaration_of):
    '''It holds.'''
    assert declaration_of and fs

@check("sample/two")
def test_two(declaration_of, lane):
    '''It holds.'''
    assert declaration_of and lane
"""


@pytest.fixture(params=["before ours", "after ours", "in a conftest.py"])
def neighbour(request, pytester, monkeypatch):
    """A plugin that has the options, loaded at any time; words for the command line."""
    name = "conftest" if request.param == "in a conftest.py" else "neighbour"
    pytester.makepyfile(**{name: NEIGHBOUR})
    pytester.syspathinsert()
    if request.param == "after ours":
        monkeypatch.setenv("PYTEST_PLUGINS", "neighbour")
    return ["-p", "neighbour"] if request.param == "before ours" else []


def test_an_unrelated_run_is_not_disturbed(run, unrooted, neighbour):
    """The neighbour's options are its own, with their values."""
    done = run(UNRELATED, *neighbour, "--driver=Firefox", "--random-order", driver="")
    assert (done.code, "neighbour: Firefox, True" in done.text) == (0, True), done.text
    done = run(UNRELATED, *neighbour, driver="")
    assert (done.code, "neighbour: None, False" in done.text) == (0, True), done.text


def test_both_work_in_one_run(run, fake_stand, neighbour):
    """The names that are only the suite's name lanes and order, whatever the neighbour's are given."""
    words = ["--storage-driver=overlay2,vfs", "--shuffle-checks=7", "--driver=Chrome", "--random-order"]
    done = run(CHECKS, *neighbour, *words, "-k", "sample/two", driver="")
    assert done.verdicts == {"sample/two": "pass"}, done.text
    assert {line["lane"].partition("-")[0] for line in done.records if line["type"] == "result"} == {"overlay2", "vfs"}
    assert "neighbour: Chrome, True" in done.text
    (ready, *_) = [line for line in done.records if line["type"] == "lane"]
    assert ready["facts"]["random order"] == {"seed": 7}


def test_the_help_names_both(run, unrooted, neighbour):
    """`--help` has the neighbour's option under its name, and says by which name ours goes."""
    text = " ".join(run(UNRELATED, *neighbour, "--help", driver="").text.split())
    assert "--storage-driver=NAME[,NAME] Storage drivers to test" in text
    assert "In short --driver, unless another plugin has that name" in text
    assert "--driver={Firefox,Chrome} A web driver." in text


def test_the_short_names_are_ours_where_they_are_free(run, fake_stand):
    """Without a neighbour, both names of an option mean the same, also together."""
    done = run(CHECKS, "--driver=vfs", "--storage-driver=btrfs", "--random-order=7", "-k", "sample/two")
    lanes = {line["lane"].partition("-")[0] for line in done.records if line["type"] == "result"}
    assert lanes == {"overlay2", "vfs", "btrfs"}
    (ready, *_) = [line for line in done.records if line["type"] == "lane"]
    assert ready["facts"]["random order"] == {"seed": 7}


@pytest.mark.parametrize("option", ["--collect-only", "--co", "--fixtures", "--fixtures-per-test"])
def test_what_there_is_can_be_asked_without_a_driver(run, unrooted, option):
    """No lane, no bundle, status 0."""
    done = run(CHECKS, option, driver="")
    assert done.code == 0, done.text
    assert "ERROR" not in done.text
    assert not done.bundle.exists()
    if "fixtures" in option:
        assert "A process in the container, in the check's own directory" in done.text


def test_ids_without_a_driver_name_no_lane(run, unrooted):
    """They have the check's other parameters, and -k takes a check's id."""
    done = run(CHECKS, "--co", "-q", driver="")
    assert done.lines[:3] == [
        "test_sample.py::test_one[lower]", "test_sample.py::test_one[upper]", "test_sample.py::test_two",
    ]  # fmt: skip
    assert run(CHECKS, "--co", "-q", "-k", "sample/two", driver="").lines[0] == "test_sample.py::test_two"


def test_a_run_without_a_driver_is_still_refused(run, unrooted):
    """It is told both names."""
    done = run(CHECKS, driver="")
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert "name a storage driver, as in --driver=overlay2, or a file" in done.text
    assert "--storage-driver is the option's name where another plugin has --driver" in done.text


def test_a_plan_of_fixtures_leaves_no_bundle(run, fake_stand):
    """`--setup-plan` runs nothing."""
    done = run(CHECKS, "--setup-plan")
    assert (done.code, done.bundle.exists()) == (0, False)
    assert "SETUP    F declaration_of" in done.text
