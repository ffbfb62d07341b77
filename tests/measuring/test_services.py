"""A service whose files are a tree: it runs from there with nothing else, and answers when it has done its work."""

import subprocess
import time

import pytest

from roadworthy.calls.toolbox import toolbox
from roadworthy.measuring.services import KINDS, service_command, service_tree
from roadworthy.trees.layers import Directory, File
from roadworthy.trees.on_disk import lay_out


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The service, laid out on this machine."""
    made = tmp_path_factory.mktemp("service")
    tree = service_tree(toolbox(), File(b"x" * 5000), File(b"y" * 100))
    assert all(isinstance(value, File | Directory) for value in tree.values())
    lay_out(tree, made)
    return made


@pytest.mark.parametrize("kind", KINDS.values())
def test_a_service_answers_from_its_own_files(home, kind):
    """What it is told, once, and then it waits for its input to end."""
    command = service_command(toolbox(), str(home), kind)
    assert all(word.startswith(str(home)) for word in (command[0], command[2], command[5]))
    done = subprocess.run(command, input=b"hello\n", capture_output=True, timeout=60, env={}, check=True)
    assert (done.stdout, done.stderr) == (b"hello\n", b"")
    if kind == "state":
        assert (home / "state").read_bytes().startswith((home / "pid").read_bytes())


def test_a_service_does_its_work_before_it_answers(home):
    """A module that takes its time is waited for."""
    (home / "modules/m7.py").write_text("import time\ntime.sleep(0.3)\n")
    begun = time.monotonic()
    command = service_command(toolbox(), str(home), "modules")
    subprocess.run(command, input=b"hello\n", capture_output=True, timeout=60, env={}, check=True)
    assert time.monotonic() - begun >= 0.3
