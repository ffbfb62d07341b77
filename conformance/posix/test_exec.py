"""Running programs cannot be written to, and programs that are open for writing cannot run."""

from os import O_RDWR, O_WRONLY

from roadworthy import File, check, lower, pausing_program

EVERYWHERE = ("lower", "upper", "copied-up")
PROGRAM = File(pausing_program(), mode=0o755)


@check("exec/open-write-running-binary", source="open(2), ETXTBSY", provenance=(*EVERYWHERE, "volume"))
@lower(program=PROGRAM)
def test_running_program_is_not_opened_for_writing(fs, observe):
    """A running program cannot be opened for writing."""
    pid = fs.start("./program")
    observed = fs.attempt.open("program", O_WRONLY)
    fs.finish(pid)
    observe("open for writing", observed)
    assert observed == "ETXTBSY"


@check("exec/truncate-running-binary", source="truncate(2), ETXTBSY", provenance=EVERYWHERE)
@lower(program=PROGRAM)
def test_running_program_is_not_truncated(fs, observe):
    """A running program cannot be truncated."""
    pid = fs.start("./program")
    observed = fs.attempt.truncate("program", 0)
    fs.finish(pid)
    observe("truncate", observed)
    assert observed == "ETXTBSY"


@check("exec/exec-while-open-for-write", source="execve(2), ETXTBSY", provenance=EVERYWHERE)
@lower(program=PROGRAM)
def test_program_that_is_open_for_writing_does_not_run(fs, other, observe):
    """A program that another process has open for writing cannot be run."""
    other.open("program", O_RDWR)
    observed = fs.attempt.start("./program")
    observe("execve", observed)
    assert observed == "ETXTBSY"


@check("exec/replace-running-binary", source="POSIX.1-2017, rename()", provenance=EVERYWHERE)
@lower(program=PROGRAM)
def test_running_program_is_replaced_by_rename(fs, observe):
    """A running program can be replaced by rename, and runs on."""
    pid = fs.start("./program")
    fs.store("incoming", b"new", 0o755)
    observed = fs.attempt.rename("incoming", "program")
    running = fs.load(f"/proc/{pid}/exe")
    fs.finish(pid)
    observe("rename", observed)
    assert observed == "success"
    assert (running, fs.load("program")) == (PROGRAM.content, b"new")


@check("exec/needs-execute-bit", source="execve(2), EACCES", provenance=EVERYWHERE)
@lower(program=File(pausing_program(), mode=0o644))
def test_file_without_execute_permission_does_not_run(fs, observe):
    """A file without execute permission does not run, even for root, until its mode grants it."""
    observed = fs.attempt.start("./program")
    observe("execve", observed)
    assert observed == "EACCES"
    fs.chmod("program", 0o755)
    fs.finish(fs.start("./program"))


@check("exec/suid-takes-effect", source="execve(2)", provenance=EVERYWHERE)
@lower(program=File(pausing_program(), mode=0o4755))
def test_set_user_id_program_runs_as_its_owner(fs, other, observe):
    """A set-user-ID program of root that a user runs has root's effective identity."""
    other.become(1000)
    pid = other.start("./program")
    status = fs.load(f"/proc/{pid}/status").decode()
    real, effective = next(line.split()[1:3] for line in status.splitlines() if line.startswith("Uid:"))
    observe("real and effective user", f"{real} {effective}")
    assert (real, effective) == ("1000", "0")
