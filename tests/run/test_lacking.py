"""A run that tested nothing of what it was asked for is not green."""

from contextlib import contextmanager

import pytest

from roadworthy.reasons import Precondition, Unsupported
from roadworthy.reports.bundle import read_bundle
from roadworthy.run import session

CHECKS = """
@check("sample/one")
def test_one(declaration_of):
    '''It holds.'''
    assert declaration_of

@check("sample/two")
def test_two(declaration_of):
    '''It holds.'''
    assert declaration_of
"""
#: A benchmark that takes what it lacks from the environment; the real fixture would start the device of FUSE and more.
BENCHMARKS = """
from roadworthy.reasons import Precondition, Unsupported

@measured("sample/cost", tier=SMOKE)
def test_cost(stand):
    '''What it costs.'''
    raise {raised}
"""
FAILS = "This fails the run. With --allow-missing, lanes may be missing."


@pytest.fixture
def lanes_that_lack(monkeypatch, fake_stand):
    """Lanes come up, but for those of the drivers that are named with a reason."""

    def lanes_that_lack(**reasons):
        @contextmanager
        def lane_up(lane, *_):
            if lane.driver.name in reasons:
                raise reasons[lane.driver.name]
            yield fake_stand(lane)

        monkeypatch.setattr(session, "lane_up", lane_up)

    return lanes_that_lack


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Precondition("needs root: run it as root"), "needs root: run it as root"),
        (Unsupported("this kernel has no dm_mod"), "this kernel has no dm_mod; leave this lane out here"),
    ],
    ids=["precondition", "unsupported"],
)
@pytest.mark.parametrize("words", [[], ["-q"], ["-k", "sample/two"]], ids=["as always", "quiet", "one check"])
def test_a_lane_that_was_named_and_did_not_start_fails_the_run(run, lanes_that_lack, reason, said, words):
    """One line says which and what to do, also where others did start; no check has failed."""
    lanes_that_lack(vfs=reason)
    done = run(CHECKS, *words, driver="overlay2,vfs")
    assert done.code == 1
    (line,) = [line for line in done.lines if line.startswith("not run: ")]
    assert line == f"not run: vfs-ext4-docker20.10-{session.Host().kernel}: {said}"
    assert FAILS in done.text
    assert set(done.counts) <= {"passed", "skipped", "deselected"}
    assert done.records[-1]["exit_status"] == 1


def test_a_matrix_may_have_holes(run, lanes_that_lack):
    """With --allow-missing the run is green, and what was not run is told all the same."""
    lanes_that_lack(vfs=Precondition("needs root: run it as root"))
    done = run(CHECKS, "--allow-missing", driver="overlay2,vfs")
    assert done.code == 0
    assert "needs root: run it as root" in done.text.partition("not run: vfs-")[2]
    assert FAILS not in done.text
    assert done.records[-1]["exit_status"] == 0


def test_a_check_that_is_skipped_alone_fails_nothing(run, fake_stand):
    """The lane was tested; a check of it that lacks something is told on the page."""
    skipping = "\nfrom roadworthy.reasons import Precondition\n" + CHECKS.replace(
        "assert declaration_of", "raise Precondition('needs a kernel of its own')", 1
    )
    done = run(skipping)
    assert (done.code, done.verdicts) == (0, {"sample/one": "skipped", "sample/two": "pass"})
    assert "not run:" not in done.text


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        ("Precondition('needs fio: install fio')", 1, ["not run: 1 benchmark: needs fio: install fio", FAILS]),
        ("Unsupported('this driver has no layers')", 0, []),
    ],
    ids=["precondition", "unsupported"],
)
def test_a_benchmark_that_lacks_something_of_the_host_fails_the_run(run, fake_stand, raised, code, said):
    """It says what; what its driver has not is no reason."""
    done = run(BENCHMARKS.format(raised=raised))
    assert (done.code, done.counts["skipped"]) == (code, 1)
    assert [line for line in done.lines if line.startswith(("not run: ", "This fails"))] == said


def test_of_a_lane_that_is_down_its_benchmarks_say_nothing_more(run, lanes_that_lack):
    """The lane's line has the reason already."""
    lanes_that_lack(overlay2=Precondition("needs root: run it as root"))
    done = run(BENCHMARKS.format(raised="AssertionError"))
    assert done.code == 1
    assert done.text.count("not run: ") == 1


@pytest.mark.parametrize(("words", "code"), [([], 1), (["--allow-missing"], 0)], ids=["fails", "allowed"])
def test_workers_lack_what_their_run_lacks(pytester, words, code):
    """With -n, the lanes of all workers are looked at: aufs is on no mainline kernel."""
    pytester.makepyfile(test_sample=f"from roadworthy import *\n{CHECKS}")
    always = ["-pno:cacheprovider", "-pno:allure_pytest", "-n1", "--bundle=b", "--driver=aufs"]
    done = pytester.runpytest_subprocess(*always, *words, timeout=120)
    text = done.stdout.str()
    assert done.ret == code, text
    assert text.count("not run: aufs-") == 1
    assert (FAILS in text) == bool(code)
    assert read_bundle(pytester.path / "b").end.exit_status == code


def test_workers_tell_what_their_benchmarks_lack(pytester):
    """A report of a worker has the reason, and the run counts it once."""
    pytester.makeconftest(
        "import pytest\nfrom types import SimpleNamespace\n\n"
        "@pytest.fixture(scope='session')\ndef stand(lane):\n    return SimpleNamespace(lane=lane)\n"
    )
    text = "from roadworthy import *\n" + BENCHMARKS.format(raised="Precondition('needs fio: install fio')")
    pytester.makepyfile(test_sample=text)
    always = ["-pno:cacheprovider", "-pno:allure_pytest", "-n1", "--bundle=b", "--driver=vfs"]
    done = pytester.runpytest_subprocess(*always, timeout=120)
    said = done.stdout.str()
    assert done.ret == 1, said
    assert said.count("not run: 1 benchmark: needs fio: install fio") == 1
