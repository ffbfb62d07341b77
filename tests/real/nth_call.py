"""Makes the Nth program, or the Nth system call, of a run fail: by an error, or by a kill of the run at that moment.

Programs are those that anything of a run starts by name, the shells of a capsule and the daemon included: a program of
the same name stands before each of them in the search path, counts, and becomes the real one. System calls are those of
the run's own process that make, change or remove something outside it; a conftest.py counts them.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from roadworthy.deadline import wait_until
from roadworthy.programs import ENVIRONMENT
from roadworthy.reports.bundle import read_bundle
from roadworthy.upkeep.ledger import RUNTIME

CHECKS = """
@check("sample/first")
@lower(f=b"lower")
def test_first(fs, other):
    '''It holds.'''
    assert fs.load("f") == b"lower"
    other.store("f", b"upper")

@check("sample/own")
def test_own(containers):
    '''It holds, in a container of its own.'''
    containers.process(containers.run()).store("g", b"more")
"""
#: What bringing up, running and taking down a lane may call by name. The shell's own commands are not programs.
PROGRAMS = (
    "setpriv", "unshare", "nsenter", "mount", "umount", "losetup", "mkfs.ext4", "mkfs.btrfs", "mkfs.xfs",
    "btrfs", "mkdir", "rm", "mv", "cp", "touch", "fallocate", "pivot_root", "env", "dockerd", "containerd",
    "containerd-shim-runc-v2", "runc", "docker", "ldd", "fio", "git", "dmesg", "modprobe", "qemu-system-x86_64",
    "qemu-img", "ip", "truncate", "gzip", "sync",
)  # fmt: skip
#: Counts, in a file that all of them share, and fails or waits to be killed if it is the one.
STANDS_BEFORE = """#!/bin/sh
exec 9>>COUNT/lock
FLOCK 9
read -r number <COUNT/number
number=$((number + 1))
echo $number >COUNT/number
words=$*
echo "$number NAME ${words%%
*}" >>COUNT/log
exec 9>&-
read -r at <COUNT/at
if [ $number = $at ]; then
    if [ -e COUNT/kill ]; then
        : >COUNT/struck
        while [ -e COUNT/kill ]; do SLEEP 0.05; done
    else
        echo 'NAME fails on purpose' >&2; exit 1
    fi
fi
exec REAL "$@"
"""
#: Counts calls that the suite's own code makes; pytest's and Python's are not ours to fail.
COUNTS_CALLS = """
import builtins, errno, fcntl, io, os, signal, socket, subprocess, sys
from pathlib import Path

COUNT = Path(COUNT_PATH)
SUITE = str(Path(SUITE_PATH))
read_text, write_text, real_open, kill = Path.read_text, Path.write_text, io.open, os.kill
number, busy = 0, False

def of_the_suite():
    frame = sys._getframe(2)
    for _ in range(8):
        if frame is None:
            return ""
        if frame.f_code.co_filename.startswith(SUITE):
            return f"{frame.f_code.co_filename.removeprefix(SUITE)}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back
    return ""

def counted(name, call, counts=lambda *arguments, **words: True):
    def counting(*arguments, **words):
        global number, busy
        if not busy and counts(*arguments, **words) and (where := of_the_suite()):
            busy = True
            try:
                number += 1
                with real_open(COUNT / "log", "a") as log:
                    log.write(f"{number} {name} {where}\\n")
                struck = number == int((COUNT / "at").read_text())
                killed = struck and (COUNT / "kill").exists()
            finally:
                busy = False
            if killed:
                kill(os.getpid(), signal.SIGKILL)
            if struck:
                raise OSError(errno.EIO, "it fails on purpose")
        return call(*arguments, **words)
    return counting

def writes(path, mode="r", *rest, **words):
    return any(letter in str(mode) for letter in "wax+") and not str(path).endswith("/log")

for name in ("mkdir", "rmdir", "unlink", "rename", "replace", "chmod", "symlink", "fsync", "ftruncate", "truncate",
             "kill", "pidfd_open", "write"):
    setattr(os, name, counted(name, getattr(os, name)))
os.open = counted("open", os.open, lambda path, flags, *rest, **words: flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))
io.open = counted("open", io.open, writes)
builtins.open = counted("open", builtins.open, writes)
fcntl.ioctl = counted("ioctl", fcntl.ioctl)
fcntl.flock = counted("flock", fcntl.flock)
signal.pidfd_send_signal = counted("pidfd_send_signal", signal.pidfd_send_signal)
subprocess.Popen.__init__ = counted("fork", subprocess.Popen.__init__)
socket.socket.connect = counted("connect", socket.socket.connect)
"""
REAP = "from roadworthy.command.cli import main; main(['reap'])"
#: Seconds in which a run ends whatever fails, on this host and in a guest; an ordinary one takes ten, and a hundred.
LONGEST, LONGEST_IN_GUEST = 240, 900


class Points:
    """The points of one kind (`programs` or `calls`) on one lane, and runs that fail at one of them."""

    def __init__(self, kind, start, host, directory, driver, options=()):
        self.kind, self.driver, self.options = kind, driver, options
        self._start, self._host, self._directory = start, host, directory
        self._turn = 0
        if kind == "programs":
            for name in PROGRAMS:
                if real := shutil.which(name, path=ENVIRONMENT["PATH"]):
                    self._stand_before(name, real)

    @property
    def count(self):
        return self._directory / "count"

    def _stand_before(self, name, real):
        text = STANDS_BEFORE.replace("COUNT", str(self.count)).replace("NAME", name).replace("REAL", real)
        text = text.replace("FLOCK", shutil.which("flock")).replace("SLEEP", shutil.which("sleep"))
        path = self._host.path(f"/usr/local/sbin/{name}")
        path.write_text(text)
        path.chmod(0o755)

    def struck(self, at, kill):
        """A run that fails at point `at`, or is killed there: whether it came to that point, and what is wrong then."""
        self._turn += 1
        shutil.rmtree(self.count, ignore_errors=True)
        self.count.mkdir()
        for name, text in {"number": "0\n", "at": f"{at}\n", "log": "", **({"kill": ""} if kill else {})}.items():
            (self.count / name).write_text(text)
        place = self._directory / f"run{self._turn}"
        place.mkdir()
        conftest = ""
        if self.kind == "calls":
            suite = Path(__file__).parents[2] / "roadworthy"
            conftest = COUNTS_CALLS.replace("COUNT_PATH", repr(str(self.count))).replace("SUITE_PATH", repr(str(suite)))
        run = self._start(
            CHECKS, *self.options, conftest=conftest, driver=self.driver, host=self._host, directory=place
        )  # fmt: skip
        try:
            self._until_ended(run, kill)
        finally:
            (self.count / "kill").unlink(missing_ok=True)
        reached = self.passed() >= at
        wrong = self._wrong(run, reached, kill)
        shutil.rmtree(place)
        return reached, [f"{self.kind} {at} ({self._named(at)}), {'kill' if kill else 'error'}: {one}" for one in wrong]

    def passed(self):
        """How many points the last run has come to."""
        return len((self.count / "log").read_text().splitlines())

    def _named(self, at):
        lines = (self.count / "log").read_text().splitlines()
        return lines[at - 1].partition(" ")[2][:160] if len(lines) >= at else "not reached"

    def _until_ended(self, run, kill):
        def over():
            run.ledger()
            if kill and (self.count / "struck").exists() and run.process.poll() is None:
                run.process.kill()
            return run.process.poll() is not None

        in_guest = any(option.startswith("--kernel") for option in self.options)
        wait_until(over, LONGEST_IN_GUEST if in_guest else LONGEST, f"the run to end:\n{run.text()[-3000:]}")

    def _wrong(self, run, reached, kill):
        """What the run has done wrong, a sentence each."""
        wrong = []
        text = run.text()
        lies = {
            check: verdict for check, verdict in run.verdicts().items() if verdict not in ("pass", "error", "skipped")
        }
        if lies and reached:
            wrong.append(f"a fault of the host is a verdict about the driver: {lies} {run.reasons()}")
        if "INTERNALERROR" in text:
            wrong.append(f"an internal error:\n{text[-3000:]}")
        if not reached and not kill and run.process.returncode:
            wrong.append(f"a run without a fault is not green:\n{text[-3000:]}")
        if (run.bundle / "bundle.jsonl").exists() and (run.bundle / "bundle.jsonl").stat().st_size and not kill:
            read_bundle(run.bundle)
        told = (kill and reached) or "left behind" in text
        # A reap does not wait until what a kill ends has gone.
        left = self._left(run) if kill and reached else self._settled(run)
        if left and not told:
            wrong.append(f"left without a word: {left}\n{text[-2000:]}")
        if left:
            words = [*self._host.entered(self._directory), sys.executable, "-c", REAP]
            said = subprocess.run(words, env=ENVIRONMENT, timeout=120, capture_output=True, text=True, check=False)
            if left := self._settled(run):
                wrong.append(f"left after a reap: {left}\n{said.stdout}{said.stderr}{text[-1500:]}")
        return wrong

    def _settled(self, run):
        """What is left once the kernel has had time to forget what is gone."""
        try:
            wait_until(lambda: not self._left(run), 10, "the kernel")
        except TimeoutError:
            return self._left(run)
        return []

    def _left(self, run):
        known = {f"/usr/local/sbin/{name}" for name in PROGRAMS} | {str(RUNTIME)}
        paths = [line for line in self._host.changed() if line.removeprefix("+ ") not in known]
        return [*run.left(), *paths]


def every(points, kill, chosen, say=print):
    """Fail at each point that is chosen, until a run does not come to its point.

    Returns at how many points a run failed, how many a run has, and all that was wrong.
    """
    wrong, struck = [], 0
    for at in chosen:
        reached, found = points.struck(at, kill)
        wrong += found
        say(f"{points.driver} {points.kind} {at} {'kill' if kill else 'error'} {points._named(at)}: {found or 'clean'}")
        if not reached:
            break
        struck += 1
    return struck, points.passed(), wrong
