"""What pytest's terminal and JUnit's report tell of a check that broke: the system calls above all."""

import re
from xml.etree import ElementTree

import pytest
from sample_breaks import CHECKS, RECORDED

CALL = 'B  rename("a", "b") = -1 EXDEV (Invalid cross-device link)'
#: What xdist does with a report on its way from a worker: only plain values travel.
TRAVELLED = """
import marshal
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    hook = item.config.hook
    data = marshal.dumps(hook.pytest_report_to_serializable(config=item.config, report=report))
    return hook.pytest_report_from_serializable(config=item.config, data=marshal.loads(data))
"""


def section(text, title):
    """The lines of a section with this title, up to the next one."""
    found = re.search(rf"^-+ {re.escape(title)} -+$\n((?:(?![-=_]{{2,}} ).*\n)*)", text, re.MULTILINE)
    assert found, f"no section {title!r} in {text}"
    return found[1].splitlines()


@pytest.fixture(params=["here", "from a worker"])
def travelled(request, pytester):
    """Reports stay in this process, or come as they would come from a worker of xdist."""
    if request.param == "from a worker":
        pytester.makeconftest(TRAVELLED)


@pytest.mark.parametrize("style", ["auto", "short", "native", "line"])
def test_a_failure_has_its_account_below_the_traceback(run, fake_stand, travelled, style):
    """Promise, source, expected, observed, the system calls and the command stand there in each style of traceback."""
    text = run(CHECKS, "-k", "test_fail", f"--tb={style}").text
    head = section(text, f"sample/fail on {lane_in(text)}")
    assert [line.split(maxsplit=1) for line in head] == [
        ["verdict", "fail"],
        ["promise", "A directory can be renamed."],
        ["source", "POSIX.1-2017, rename()"],
        ["expected", "'success'"],
        ["observed", "'EXDEV'"],
        ["recorded", "outcome: EXDEV"],
    ]
    assert section(text, "system calls") == ["A  getpid() = 7", CALL]
    assert section(text, "run it again")[0].startswith("pytest --driver=overlay2 --backing=ext4 ")
    assert text.count("- system calls -") == 1


def lane_in(text):
    return re.search(r"overlay2-ext4-docker20.10-[^\]\s:]*", text)[0]


def test_no_traceback_means_no_account(run, fake_stand):
    """`--tb=no` shows nothing of a failure but its line in the short summary; the bundle has the rest."""
    text = run(CHECKS, "-k", "test_fail", "--tb=no").text
    assert "system calls" not in text
    assert "FAILED test_sample.py::test_fail[" in text


def test_every_verdict_is_told_where_pytest_shows_it(run, fake_stand, travelled, deviations, monkeypatch):
    """With -rA, a check that passes shows its calls, too; what was said in words is told in the short summary."""
    deviations(RECORDED)
    monkeypatch.setenv("COLUMNS", "300")
    done = run(CHECKS, "-rA")
    assert section(done.text, f"sample/pass on {lane_in(done.text)}")[0].split() == ["verdict", "pass"]
    assert done.text.count('B  rename("a", "b") = 0') == 2  # one passes, one is fixed
    fixed = section(done.text, f"sample/fixed on {lane_in(done.text)}")
    assert ["deviation", "no", "redirect"] in [line.split() for line in fixed]
    for word, said in {"hang": "[hang] rename('a', 'b') did not return", "error": "[error] the daemon ended"}.items():
        assert section(done.text, f"sample/{word} on {lane_in(done.text)}")
        assert re.search(rf"^(FAILED|ERROR) .*test_{word}\[.* - {re.escape(said)}", done.text, re.MULTILINE), word


def test_many_rounds_keep_the_account_of_the_first(run, fake_stand):
    """A round that passes as the one before has no account, which would fill the memory."""
    text = run(CHECKS, "-k", "test_pass", "-rA", "--repeat=3").text
    assert len(re.findall("^-+ sample/pass on ", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("style", ["auto", "no"])
def test_junit_has_the_calls_of_what_failed(run, fake_stand, travelled, deviations, tmp_path, style):
    """The text of a failure and of an error has its account; the message is the first line alone."""
    deviations(RECORDED)
    report = tmp_path / "junit.xml"
    run(CHECKS, f"--junit-xml={report}", f"--tb={style}")
    told = {}
    for case in ElementTree.parse(report).iter("testcase"):
        for found in (*case.iter("failure"), *case.iter("error")):
            told[case.get("name").partition("[")[0]] = found
    assert set(told) == {"test_fail", "test_fixed", "test_hang", "test_error"}
    for name, found in told.items():
        assert 'rename("a", "b") = ' in found.text, name
        assert section(found.text, "run it again"), name
        assert "system calls" not in found.get("message"), name
    assert CALL in told["test_fail"].text
    assert told["test_hang"].get("message") == "[hang] rename('a', 'b') did not return within 30 s"
    assert told["test_error"].get("message") == 'failed on setup with "[error] the daemon ended"'


def test_arguments_are_shown_in_a_word(run, fake_stand):
    """A traceback names what a check was given without addresses in memory; so does --setup-show."""
    text = run(CHECKS, "-k", "test_fail", "-vv", "--setup-show").text
    assert re.search(r"^observe = <observe of <evidence: 2 calls, 1 observation>>$", text, re.MULTILINE)
    assert re.search(r"^evidence = <evidence: 2 calls, 1 observation>$", text, re.MULTILINE)
    assert re.search(r"SETUP +S lane\['?overlay2-ext4-docker20.10-", text)
    assert " at 0x" not in text
