"""A failure on a real lane, as pytest's terminal shows it: what was asked of the kernel, and what it answered."""

import re

import pytest

pytestmark = pytest.mark.real

GIVEN = ("fs", "other", "container", "containers", "toolbox", "storage", "engine", "driver", "daemons", "lane_daemon",
         "own_containers", "own_storage", "power_cut", "cuts", "evidence", "observe")  # fmt: skip
CHECKS = f"""
@check("sample/fails", source="POSIX.1-2017, rename()")
@lower(f=b"lower")
def test_fails({", ".join(GIVEN)}):
    '''It does not hold.'''
    other.umask(0o027)
    assert fs.stat("f").size == 5
    assert observe("outcome", fs.attempt.rename("missing", "there")) == "success"
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["here", "from a worker"])
def test_a_failure_shows_its_calls_and_short_arguments(start, workers):
    """The calls of both processes are there as strace writes them, and no argument shows an address in memory."""
    run = start(CHECKS, *workers, "--driver=overlay2", "-vv")
    assert run.process.wait(300) == 1, run.text()[-3000:]
    text = run.text()
    for line in (
        r"expected  'success'",
        r"observed  'ENOENT'",
        r"recorded  outcome: ENOENT",
        r"B  umask\(027\) = 022",
        r'A  stat\("f", \{st_dev=.*, st_mode=S_IFREG\|0644, .*st_size=5, .*\}\) = 0',
        r'A  rename\("missing", "there"\) = -1 ENOENT \(No such file or directory\)',
        r"pytest --driver=overlay2 --backing=ext4 --engine=host --kernel=host \\",
    ):
        assert re.search(f"^{line}$", text, re.MULTILINE), (line, text[-4000:])
    shown = dict(re.findall(r"(?:^|, )(\w+) = (<.*?>+)(?=$|, \w+ = )", text, re.MULTILINE))
    assert set(GIVEN) <= set(shown)
    assert not [value for value in shown.values() if " at 0x" in value]
    assert run.left() == []
