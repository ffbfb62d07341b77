"""Running other programs: argument lists, deadlines, last words."""

import os
import select
import subprocess
import sys

import pytest

from roadworthy.deadline import wait_until
from roadworthy.programs import SYSTEM, ProgramFailed, run, search_path


def python(text):
    return [sys.executable, "-c", text]


def test_a_program_answers_its_output():
    """Standard output comes back, standard error does not."""
    assert run(python("import sys; print('out'); print('err', file=sys.stderr)")) == "out\n"


def test_a_failing_program_is_told_with_its_last_words():
    """An error carries the command, the exit status and what the program said."""
    with pytest.raises(ProgramFailed, match=r"ended with 3: no space left"):
        run(python("import sys; print('no space left', file=sys.stderr); sys.exit(3)"))


def test_a_flood_of_last_words_is_cut_to_its_end():
    """Of a long complaint its end is told."""
    with pytest.raises(ProgramFailed, match="the end") as failed:
        run(python("import sys; sys.exit('x' * 100000 + 'the end')"))
    assert len(str(failed.value)) < 3000


def test_a_program_that_is_not_there_is_named():
    """A missing program is an error of its own."""
    with pytest.raises(ProgramFailed, match="no-such-program is not installed"):
        run(["no-such-program"])


def test_a_program_that_cannot_be_started_is_told(monkeypatch):
    """A host without memory or process numbers is no traceback."""

    def fails(*_, **__):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", fails)
    with pytest.raises(ProgramFailed, match="true cannot be started: Resource temporarily unavailable"):
        run(["true"])


def test_a_program_that_does_not_end_is_ended():
    """After its deadline a program is killed and named."""
    with pytest.raises(ProgramFailed, match=r"did not end within 0.05 s"):
        run(python("import signal; signal.pause()"), 0.05)


def test_a_program_whose_output_is_no_text_does_not_raise():
    """Bytes that are not UTF-8 come back as text all the same."""
    assert run(python(r"import sys; sys.stdout.buffer.write(b'\xff')"))


STARTER = """
import sys
from roadworthy.programs import run

run([sys.executable, "-c", "import os, signal; print(os.getpid(), file=open('started', 'w')); signal.pause()"])
"""


def test_a_program_ends_with_the_process_that_runs_it(tmp_path):
    """However that process ends: nobody is left who would end the program at its deadline."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER], cwd=tmp_path)
    started = tmp_path / "started"
    wait_until(lambda: started.exists() and started.read_text().endswith("\n"), 20, "the program to start")
    program = os.pidfd_open(int(started.read_text()))
    try:
        starter.kill()
        starter.wait(10)
        assert select.select([program], [], [], 10)[0], "it has not ended"
    finally:
        os.close(program)


def test_programs_do_not_see_the_users_environment(monkeypatch):
    """DOCKER_HOST, proxies, locale and TMPDIR of the user play no part."""
    for name in ("DOCKER_HOST", "http_proxy", "TMPDIR", "LANG", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "nonsense")
    seen = run(["env"])
    assert "nonsense" not in seen
    assert "LC_ALL=C.UTF-8" in seen


def test_programs_are_found_where_the_user_has_them():
    """The system's directories come first, so that no wrapper of the user's stands for a program of the system."""
    found = search_path("/home/me/bin:/usr/bin::.:relative:/opt/docker/bin:/home/me/bin").split(":")
    assert found == [*SYSTEM, "/home/me/bin", "/opt/docker/bin"]
