"""The toolbox of every Python that this machine has: its modules are enough for the agent.

What an interpreter calls its modules changes from release to release, so that a list which is right for one is short
for the next. Debian's later releases are in engine roots.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from roadworthy.supplies.engine_roots import ENGINES, cached_root

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
#: Makes a toolbox of the interpreter that runs this, and lists the modules that the agent uses there.
MAKES = """
import sys
from pathlib import Path
from roadworthy.calls.toolbox import toolbox
from roadworthy.programs import run
from roadworthy.supplies.cache import Cache

made = toolbox(Cache(Path(sys.argv[1])))
library, python = made.directory / "lib", made.directory / "bin/python3"
words = [library / made.loader, "--library-path", library, "--argv0", python, python, "-I", "-S", "-B"]
print(made.directory)
print(run([*words, made.directory / "agent.py", "--modules"]))
"""
#: Runs a program in a tree, in mounts that end with it: $1 is the tree, $2 this checkout, $3 the test's directory.
INSIDE = """
tree=$1 suite=$2 scratch=$3; shift 3
mount --bind "$tree" /mnt
mount --bind "$suite" /mnt/srv
mount --bind "$scratch" /mnt/media
mount -t proc proc /mnt/proc
mount --rbind /dev /mnt/dev
exec chroot /mnt "$@"
"""


def answers(python):
    """Whether this is an interpreter, and no script that knows of none."""
    done = subprocess.run([python, "-c", ""], capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def started(minor, scratch):
    """The words that run a Python 3 of this release with the suite, and where it sees the test's directory."""
    name = f"python3.{minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in (shutil.which(name), *sorted(pyenv.glob(f"3.{minor}.*/bin/{name}"))):
        if found and answers(found):
            return ["env", f"PYTHONPATH={ROOT}", str(found), "-B"], scratch
    for engine in ENGINES:
        root = cached_root(engine)
        if root is not None and (root.tree / "usr/bin" / name).exists():
            alone = ["unshare", "--mount", "--propagation=private", "--", "sh", "-ec", INSIDE, "sh"]
            inside = ["env", "PYTHONPATH=/srv", name, "-B"]
            return [*alone, str(root.tree), str(ROOT), str(scratch), *inside], Path("/media")
    pytest.skip(f"no Python 3.{minor} on this machine, and no engine root in the cache has it")


@pytest.mark.parametrize("minor", range(11, 15))
def test_the_agent_has_all_modules_that_it_imports(tmp_path, minor):
    """It starts with what the toolbox has, and finds everything there and nothing elsewhere."""
    words, scratch = started(minor, tmp_path)
    done = subprocess.run(
        [*words, "-c", MAKES, str(scratch)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    directory, *modules = done.stdout.split()
    assert any(module.endswith("/json/decoder.py") for module in modules)
    assert all(module.startswith(directory) for module in modules)
