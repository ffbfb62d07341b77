"""pytest runs of other projects in an environment that has the suite: they pay next to nothing and are left alone."""

import pytest

THEIRS = """
import sys
import pytest

@pytest.fixture
def lane():
    return "a lane of their own"

def test_theirs(lane):
    assert lane == "a lane of their own"

def test_nothing_of_the_suite_is_loaded():
    heavy = {"roadworthy.run.session", "roadworthy.fixtures", "roadworthy.trees.layers", "docker", "requests",
             "msgspec", "jinja2", "numpy", "scipy"}
    assert heavy & set(sys.modules) == set()
"""
CHECK = """
from roadworthy import check, lower

@check("sample/one")
@lower(f=b"data")
def test_one(fs):
    '''It holds.'''
    assert fs.load("f") == b"data"
"""


@pytest.fixture
def pytest_here(pytester):
    """Run pytest as a program of its own, with nothing of this process loaded."""
    without = [f"-pno:{name}" for name in ("cacheprovider", "hypothesispytest", "allure_pytest")]
    return lambda *words: pytester.runpytest_subprocess(*without, *words, timeout=120)


@pytest.mark.parametrize("words", [[], ["-n", "1"]], ids=["one process", "workers"])
def test_another_project_is_left_alone(pytester, pytest_here, words):
    """Its fixtures have their names, also where the suite has fixtures of these names, and the run is not loaded."""
    pytester.makepyfile(test_theirs=THEIRS)
    done = pytest_here(*words)
    done.assert_outcomes(passed=2)
    assert "roadworthy:" not in done.stdout.str()


def test_a_file_with_checks_begins_the_run(pytester, pytest_here):
    """Without a driver it is refused, also behind files of another project; their fixture `lane` is not the suite's."""
    pytester.makepyfile(test_a=THEIRS, test_check=CHECK)
    done = pytest_here()
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "name a storage driver, as in --driver=overlay2" in done.stderr.str()


def test_a_wrong_option_is_refused_without_a_check(pytester, pytest_here):
    """What is asked for is looked at, also where nothing is there to be asked."""
    pytester.makepyfile(test_theirs="def test_theirs(): pass")
    done = pytest_here("--repeat=often")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert "--repeat" in done.stderr.str()


def test_the_fixtures_are_listed_when_asked_for(pytester, pytest_here):
    pytester.makepyfile(test_theirs="def test_theirs(): pass")
    assert "other_exec" in pytest_here("--fixtures").stdout.str()
