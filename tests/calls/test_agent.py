"""The real agent as a plain process of this host: calls, processes beside each other, and deaths."""

import errno
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from os import O_CREAT, O_RDONLY, O_RDWR, O_WRONLY
from pathlib import Path

import pytest
from local_pipe import LocalPipe

from roadworthy.calls.answers import Died, Refused
from roadworthy.calls.evidence import Evidence
from roadworthy.calls.exchange import AgentFault, CallHung, Exchange
from roadworthy.calls.process import Process
from roadworthy.calls.toolbox import AGENT
from roadworthy.deadline import wait_until
from roadworthy.linux import MAP_SHARED, PROT_READ, PROT_WRITE, RENAME_NOREPLACE
from roadworthy.measuring.system_calls import parsed, total
from roadworthy.supplies.packages import needs
from roadworthy.upkeep.reaper import start_time

#: open and openat by number, as /proc/PID/syscall shows them, on x86-64 and on 64-bit ARM.
OPENING = ("2", "257", "56")


@pytest.fixture
def talk():
    """An exchange with a fresh agent."""
    exchange = Exchange(pipe=None)
    exchange.pipe = LocalPipe()
    yield exchange
    exchange.close()


@pytest.fixture
def evidence():
    """Where the processes' calls are written down."""
    return Evidence()


@pytest.fixture
def fs(talk, tmp_path, evidence):
    """A process of the agent in a directory of its own."""
    return Process(talk, str(tmp_path), evidence)


@pytest.fixture
def other(talk, tmp_path, evidence):
    """A second process in the same directory."""
    return Process(talk, str(tmp_path), evidence, "B")


def test_a_file_is_written_and_read(fs, tmp_path):
    """Descriptors live in the process between calls, and bytes come back as they are."""
    descriptor = fs.open("f", O_RDWR | O_CREAT, 0o640)
    assert fs.write(descriptor, bytes(range(256))) == 256
    assert fs.pread(descriptor, 4, 252) == b"\xfc\xfd\xfe\xff"
    assert fs.lseek(descriptor, 1) == 1
    assert fs.read(descriptor, 2) == b"\1\2"
    fs.close(descriptor)
    assert (tmp_path / "f").read_bytes() == bytes(range(256))


def test_status_is_what_this_host_sees(fs, tmp_path):
    """A file's status is the kernel's, to the nanosecond."""
    fs.store("f", b"data", 0o604)
    fs.utimens("f", 5, 1_234_567_890_123_456_789)
    seen, found = fs.stat("f"), (tmp_path / "f").stat()
    assert seen.identity == (found.st_dev, found.st_ino)
    assert (seen.size, seen.permissions, seen.mtime_ns) == (4, 0o604, 1_234_567_890_123_456_789)


def test_a_process_that_does_not_answer_says_where_it_is(fs, tmp_path):
    """Its innermost function and the line; it goes on waiting, and answers later."""
    fs.mkfifo("pipe")
    waits = fs.begin("load", "pipe")
    with pytest.raises(CallHung) as hung:
        waits.answer(0.2)
    for _ in range(2):
        assert re.fullmatch(r"the agent is in call_load\(\), line \d+ of its program", hung.value.where())
    (tmp_path / "pipe").write_bytes(b"at last")
    assert waits.answer(10) == b"at last"


def test_a_refusal_is_an_errno_by_name(fs):
    """A refused call breaks the promise, and names the call and the errno."""
    with pytest.raises(Refused, match=r"open\('nowhere', O_RDONLY\) was refused with ENOENT"):
        fs.open("nowhere", O_RDONLY)
    assert fs.attempt.rmdir("nowhere") == "ENOENT"
    assert fs.attempt.mkdir("d") == "success"


def test_names_are_changed(fs):
    """rename(2), renameat2(2) and link(2) do what they are named for."""
    fs.store("a", b"1")
    fs.rename("a", "b")
    fs.link("b", "c")
    assert fs.attempt.renameat2("b", "c", RENAME_NOREPLACE) == "EEXIST"
    fs.symlink("c", "s")
    assert fs.readlink("s") == "c"
    assert fs.listdir() == ["b", "c", "s"]


@pytest.mark.parametrize("name", ["größe", "a b", "n" * 255, "\udcff\udcfe", "new\nline", ".wh.x"], ids=range(6))
def test_any_name_travels(fs, tmp_path, name):
    """File names of any bytes go to the agent and come back."""
    fs.store(name, b"")
    assert fs.listdir() == [name]
    assert os.listdir(tmp_path) == [name]
    descriptor = fs.open(".", O_RDONLY)
    assert name in [entry.name for entry in fs.getdents(descriptor)]


def test_a_process_has_a_plain_umask_and_its_directory(fs, tmp_path):
    """A process starts with umask 022 in the check's directory, whatever its caller has."""
    assert fs.umask(0) == 0o022
    assert fs.getcwd() == str(tmp_path)


def test_attributes_hold_any_bytes(fs):
    """Extended attributes travel byte for byte."""
    fs.store("f", b"")
    if fs.attempt.setxattr("f", "user.x", b"\0\xff") == "EOPNOTSUPP":
        pytest.skip("the file system under the temporary directory has no user attributes")
    assert fs.getxattr("f", "user.x") == b"\0\xff"
    assert fs.listxattr("f") == ["user.x"]


def test_a_mapping_is_loaded_and_stored(fs):
    """A shared mapping is the file."""
    fs.store("f", b"old data")
    descriptor = fs.open("f", O_RDWR)
    address = fs.mmap(descriptor, 8, PROT_READ | PROT_WRITE, MAP_SHARED)
    fs.poke(address, b"new")
    assert fs.peek(address, 8) == b"new data"
    assert fs.load("f") == b"new data"


def test_a_fault_on_a_mapping_kills_one_process_only(fs, other):
    """A load beyond the file's end is SIGBUS: that process dies of it, is told so, and the second goes on."""
    fs.store("f", b"x" * 8192)
    descriptor = fs.open("f", O_RDWR)
    address = fs.mmap(descriptor, 8192, PROT_READ, MAP_SHARED)
    fs.ftruncate(descriptor, 0)
    with pytest.raises(Died, match="killed the process: SIGBUS"):
        fs.peek(address + 4096, 1)
    with pytest.raises(AgentFault, match="is dead"):
        fs.getpid()
    assert other.load("f") == b""


def test_a_fault_in_an_attempt_is_the_signals_name(fs):
    """An attempt answers with the signal that killed the process."""
    assert fs.attempt.peek(8, 1) == "SIGSEGV"


def test_a_process_that_is_killed_from_outside_says_nothing_about_the_driver(fs):
    """SIGKILL, as of the out-of-memory killer, is trouble of the host and never a broken promise."""
    os.kill(fs.getpid(), signal.SIGKILL)
    with pytest.raises(Exception, match="SIGKILL") as killed:
        fs.load("f")
    assert not isinstance(killed.value, AssertionError)


def test_two_processes_take_turns(fs, other):
    """Two processes are driven in the order in which calls are sent, with descriptors of their own."""
    writer, reader = fs.open("f", O_WRONLY | O_CREAT), other.open("f", O_RDONLY | O_CREAT)
    for turn in range(20):
        fs.write(writer, b"%02d" % turn)
        assert other.read(reader, 10) == b"%02d" % turn
    assert fs.getpid() != other.getpid()


def test_a_call_that_blocks_leaves_the_second_process_free(fs, other):
    """While one process waits inside the kernel, the other one is served, and may end the wait."""
    fs.mkfifo("p")
    blocked = fs.begin("open", "p", O_RDONLY, 0)
    with pytest.raises(CallHung, match="open"):
        blocked.answer(0.01)
    writer = other.open("p", O_WRONLY)
    reader = blocked.answer(10)
    other.write(writer, b"data")
    assert fs.read(reader, 4) == b"data"


def test_what_is_begun_in_a_new_process_runs_at_once(talk, tmp_path, evidence):
    """A process is there when a call has begun in it, and the look for it is no call of the check's."""
    processes = [Process(talk, str(tmp_path), evidence, name) for name in "AB"]
    begun = [process.begin("getpid") for process in processes]
    assert all(os.path.exists(f"/proc/{one.answer()}") for one in begun)
    assert [call.call for call in evidence.transcript] == ["getpid()", "getpid()"]


def test_what_is_begun_has_an_outcome_in_a_word(fs):
    """As an attempt has it: the errno's name, or success."""
    assert fs.begin("open", "missing", os.O_RDONLY).outcome() == "ENOENT"
    assert fs.begin("mkdir", "made").outcome() == "success"


def test_ending_a_process_takes_it_away_while_it_blocks(talk, fs, other):
    """A process that waits inside the kernel can be let go."""
    fs.mkfifo("p")
    pid = fs.getpid()
    fs.begin("open", "p", O_RDONLY, 0)
    fs.leave()
    assert other.listdir() == ["p"]
    wait_until(lambda: start_time(pid) is None, 10, "the process to end")


def test_a_program_is_run_to_its_end(fs):
    """`run` answers the exit status, and both output streams together."""
    assert fs.run("/bin/sh", "-c", "echo out; echo err >&2; exit 3") == (3, "out\nerr\n")
    assert fs.run("/nowhere")[0] == 127


def test_a_programs_output_is_cut(fs):
    """A program that floods its output does not fill the message."""
    code, output = fs.run("/bin/sh", "-c", "head -c 1000000 /dev/zero")
    assert code == 0
    assert len(output) == 65536


def test_a_program_is_started_and_finished(fs):
    """`start` leaves a program running with its new image, `finish` ends it."""
    pid = fs.start("/bin/sleep", "1000")
    assert os.readlink(f"/proc/{pid}/exe").endswith(("sleep", "busybox", "coreutils"))
    fs.finish(pid)
    assert start_time(pid) is None


def test_a_program_that_cannot_be_started_is_refused(fs, tmp_path):
    """A program that the kernel will not execute is a refusal with its errno."""
    assert fs.attempt.start("/nowhere") == "ENOENT"
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    assert fs.attempt.start("./text") == "ENOEXEC"


def test_F16_what_a_worker_prints_is_no_frame(fs):
    """A program's output to standard output never reaches the controller's stream."""
    fs.start("/bin/sh", "-c", "echo forged")
    assert fs.getpid()


def test_a_call_that_the_agent_does_not_know_is_a_fault(fs):
    """An unknown call is the harness's mistake, not the driver's."""
    with pytest.raises(AgentFault, match="KeyError: 'no_such_call'"):
        fs.begin("no_such_call").answer(10)
    assert fs.getpid()


def test_a_directory_that_is_missing_is_a_fault_with_its_reason(talk, tmp_path, evidence):
    """A process whose directory is not there leaves at once; the fault tells why, and other processes are served."""
    lost = Process(talk, str(tmp_path / "nowhere"), evidence)
    with pytest.raises(AgentFault, match="status 70"):
        lost.getpid()
    wait_until(lambda: "nowhere" in talk.pipe.complaints(), 10, "the reason on standard error")
    assert Process(talk, str(tmp_path), evidence).getpid()


def test_the_nonce_stands_nowhere_in_proc(talk, fs):
    """Who sees the agent's process cannot forge its frames: its words and its environment do not tell the nonce."""
    assert fs.getpid()
    for pid in (talk.pipe.agent.pid, fs.getpid()):
        for name in ("cmdline", "environ"):
            assert talk.nonce.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_a_request_without_a_nonce_is_ignored(tmp_path):
    """The first request gives the nonce; one that has none gives none, and is not served."""
    talk = Exchange(pipe=LocalPipe())
    body = json.dumps({"i": 77, "p": 1, "c": "spawn", "a": [str(tmp_path)]}).encode()
    talk.pipe.send(struct.pack(">I", len(body)) + body)
    try:
        assert Process(talk, str(tmp_path), Evidence()).getpid()
    finally:
        talk.close()


def test_a_request_with_another_nonce_is_ignored(talk, fs):
    """The agent serves its own controller only."""
    body = b'{"n": "other", "i": 77, "p": 1, "c": "getpid", "a": []}'
    talk.pipe.send(struct.pack(">I", len(body)) + body)
    assert fs.getpid()


def test_the_agent_leaves_with_its_controller(talk, fs):
    """At the end of its input the agent ends, and its processes with it."""
    pid = fs.getpid()
    talk.pipe.agent.stdin.close()
    assert talk.pipe.agent.wait(10) == 0
    wait_until(lambda: start_time(pid) is None, 10, "the process to end")


def waits_in_the_kernel(pid):
    """Whether the process sleeps inside open(2)."""
    with open(f"/proc/{pid}/syscall") as file:
        return file.read().split()[0] in OPENING


@pytest.mark.parametrize("killed", [False, True], ids=["its input ends", "it is killed"])
def test_a_process_that_waits_in_a_call_goes_with_the_agent(talk, fs, killed):
    """A process that waits inside the kernel does not outlive its agent."""
    fs.mkfifo("p")
    pid = fs.getpid()
    fs.begin("open", "p", O_RDONLY, 0)
    wait_until(lambda: waits_in_the_kernel(pid), 10, "the process to wait for a writer")
    if killed:
        talk.pipe.agent.kill()
    talk.pipe.agent.stdin.close()
    talk.pipe.agent.wait(10)
    wait_until(lambda: start_time(pid) is None, 10, "the process to end")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_process_of_another_user_goes_with_the_agent(talk, fs, tmp_path):
    """A process that gave up root and waits inside the kernel does not outlive its agent."""
    tmp_path.chmod(0o755)
    fs.mkfifo("p", 0o666)
    pid = fs.getpid()
    fs.become(1000)
    fs.begin("open", "p", O_RDONLY, 0)
    wait_until(lambda: waits_in_the_kernel(pid), 10, "the process to wait for a writer")
    talk.pipe.agent.kill()
    wait_until(lambda: start_time(pid) is None, 10, "the process to end")


def test_a_slow_machine_is_given_time_for_its_looks(fs):
    """Looking often goes on past its time until it has looked often, or until that takes too long."""
    fs.store("f", b"xx")
    assert fs.begin("look_often", "f", 0.0, 7).answer(10) == [0, 0, 0]
    looks, missing, torn = fs.begin("look_often", "f", 0.02, 1 << 40).answer(10)
    assert looks > 0
    assert (missing, torn) == (0, 0)
    assert fs.begin("look_often", "nowhere", 0.05).answer(10)[1] >= 20


def test_a_started_program_goes_with_its_process(fs):
    """A program that was left running ends with the process that started it."""
    pid = fs.start("/bin/sleep", "1000")
    fs.leave()
    wait_until(lambda: start_time(pid) is None, 10, "the program to end")


def test_an_agent_that_is_killed_is_a_fault(talk, fs):
    """A dead agent is noticed at the next call."""
    talk.pipe.agent.kill()
    with pytest.raises(AgentFault, match=r"the agent died|input is closed"):
        fs.getpid()
    fs.leave()


def test_every_call_is_in_the_evidence(fs, other, evidence):
    """The transcript has each call with its process and its answer, refusals marked."""
    fs.store("f", b"x")
    other.attempt.mkdir("f")
    first, second = evidence.transcript
    assert (first.process, first.call, first.answer, first.failed) == ("A", "store('f', b'x', 420)", "None", False)
    assert (second.process, second.call, second.answer, second.failed) == ("B", "mkdir('f', 0755)", "EEXIST", True)


def test_a_hung_call_is_in_the_evidence(fs, evidence):
    """A call that did not return stands in the transcript as failed."""
    fs.mkfifo("p")
    with pytest.raises(CallHung):
        fs.begin("open", "p", O_RDONLY, 0).answer(0.01)
    assert evidence.transcript[-1].failed
    assert "did not return" in evidence.transcript[-1].answer


def test_the_agents_modules_are_listed():
    """The agent tells which files of the standard library it needs, and they exist."""
    listed = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(AGENT), "--modules"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert any(line.endswith("json/decoder.py") for line in listed)
    # Since Python 3.13 it puts `_collections_abc` into its place, and is a file nevertheless.
    assert any(line.endswith("collections/abc.py") for line in listed)
    assert all(os.path.exists(line) for line in listed)


def test_attributes_are_asked_for_anew(fs):
    """The call goes through where nothing is kept, and is refused where there is nothing."""
    fs.store("f", b"data")
    fs.refresh("f")
    assert fs.attempt.refresh("nothing") == "ENOENT"


def test_no_number_of_an_errno_is_lost(fs):
    """Every errno that a call can answer has a name in the report."""
    assert {errno.EXDEV, errno.ESTALE, errno.ENOTSUP} <= set(errno.errorcode)
    assert fs.attempt.open("f/../..", O_RDONLY) in errno.errorcode.values()


def test_calls_in_a_row_are_timed_and_hand_on_their_answers(fs, tmp_path):
    """Each call of a row has its nanoseconds; [n] stands for what row n answered."""
    rows = [["open", "f", O_WRONLY | O_CREAT], ["write", [0], b"data"], ["close", [0]]]
    taken = fs.timed(rows)
    assert len(taken.each) == 3
    assert all(nanoseconds > 0 for nanoseconds in taken.each)
    assert (tmp_path / "f").read_bytes() == b"data"


def test_what_is_timed_begins_in_a_directory(fs, tmp_path):
    """Calls and programs name files from there, whatever the process did before; a tracer sees the same."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"only-{name}").write_bytes(b"x")
        fs.timed([["stat", f"only-{name}"]], directory=str(tmp_path / name))
        assert fs.getcwd() == str(tmp_path / name)
    fs.timed_run("/bin/sh", "-c", "test -e only-a", directory=str(tmp_path / "a"))
    fs.timed([["stat", "only-a"]])
    tracer = strace(tmp_path / "table")
    assert fs.counted(tracer, [["stat", "only-b"]], directory=str(tmp_path / "b")) == ""
    assert parsed((tmp_path / "table").read_text())["newfstatat"] == 1


def test_a_program_is_timed_and_has_to_succeed(fs):
    """A program's nanoseconds hold all of its life; one that fails says with what."""
    (taken,) = fs.timed_run("/bin/sh", "-c", "exec sleep 0.05").each
    assert taken >= 50_000_000
    with pytest.raises(AssertionError, match=r"ended with 3: no such thing"):
        fs.timed_run("/bin/sh", "-c", "echo no such thing; exit 3")


@pytest.fixture
def crowded():
    """Two programs that compute on the one processor on which this test, and all that it starts, may run."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(2)]
    yield
    for one in busy:
        one.kill()
        one.wait(10)
    os.sched_setaffinity(0, allowed)


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="this kernel counts no run delay")
def test_who_waits_for_a_processor_says_so(crowded, talk, evidence):
    """Beside two busy programs on one processor, calls and a program wait for about two thirds of their time."""
    fs = Process(talk, "/", evidence)
    calls = fs.timed([["getcwd"]] * 50_000, 60)
    program = fs.timed_run("/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done", patience=60)
    for timed in (calls, program):
        assert timed.delay > 0.3 * sum(timed.each)


def strace(report):
    if not shutil.which("strace"):
        pytest.skip(needs("strace"))
    return [shutil.which("strace"), "-f", "-c", "-o", str(report)]


def test_calls_under_a_tracer_are_counted_to_the_call(fs, tmp_path):
    """No call of the agent itself is among them, and what they do is done."""
    rows = [["open", "f", O_WRONLY | O_CREAT], ["write", [0], b"data"], ["close", [0]], *[["stat", "f"]] * 20]
    assert fs.counted(strace(tmp_path / "table"), rows) == ""
    assert (tmp_path / "f").read_bytes() == b"data"
    assert total(parsed((tmp_path / "table").read_text())) == 23


def test_a_program_under_a_tracer_is_counted_with_its_children(fs, tmp_path):
    """Its end and its words are as without one."""
    tracer = strace(tmp_path / "table")
    assert fs.counted(tracer, argv=["/bin/sh", "-c", "/bin/true; exec /bin/true"]) == ""
    assert parsed((tmp_path / "table").read_text())["execve"] == 3
    with pytest.raises(AssertionError, match=r"ended with 3: no such thing"):
        fs.counted(tracer, argv=["/bin/sh", "-c", "echo no such thing; exit 3"])
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        fs.counted(tracer, [["stat", "missing"]])


def test_a_tracer_that_cannot_attach_leaves_everything_undone(fs, tmp_path):
    """Its words are the answer."""
    assert fs.counted(["/bin/sh", "-c", "echo not permitted; exit 1"], [["mkdir", "d"]]) == "not permitted"
    assert "No such file" in fs.counted(["/nowhere/strace"], [["mkdir", "d"]])
    assert not (tmp_path / "d").exists()
