"""Inventories: what a file says of its nodes, and mistakes that are told before anything starts."""

import subprocess
import sys

import execnet
import pytest

from roadworthy.fleet.inventory import InventoryError, read_inventory

THREE = """
[[node]]
name = "rack1"
ssh = "-p 2222 root@rack1"

[[node]]
name = "box"
wrapper = "docker exec -i box"
python = "/venv/bin/python"
slots = 3

[[node]]
name = "here"
local = true
"""


def read(tmp_path, text):
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    return read_inventory(path)


def test_each_node_has_an_address_for_execnet(tmp_path):
    """ssh by execnet's own transport; what stands behind a wrapper, and this host, as a command."""
    rack, box, here = (execnet.XSpec(node.address(f"{node.name}-1")) for node in read(tmp_path, THREE))
    assert (rack.ssh, rack.python, rack.popen, rack.id) == ("-p 2222 root@rack1", "python3", None, "rack1-1")
    assert (box.popen, box.python, box.id) == (True, "docker exec -i box /venv/bin/python", "box-1")
    assert (here.popen, here.python) == (True, sys.executable)
    assert [node.slots for node in read(tmp_path, THREE)] == [1, 3, 1]


NODE = '[[node]]\nname = "a"\n'
MISTAKES = {
    "no TOML": ("[[node]\n", ":1: "),
    "nothing": ("", ": names no node"),
    "one table": ('[node]\nname = "a"\n', ": names no node"),
    "section": (f"{NODE}local = true\n[[nodes]]\n", ": unknown section 'nodes'"),
    "key": (f"\n{NODE}locla = true\n", ":2: unknown key 'locla'"),
    "no name": ("[[node]]\nlocal = true\n", ":1: a node's name is"),
    "name": ('[[node]]\nname = "a//id=b"\nlocal = true\n', ":1: a node's name is"),
    "no transport": (NODE, ":1: node a has no transport"),
    "two transports": (f'{NODE}local = true\nssh = "b"\n', ":1: node a has ssh and local"),
    "false": (f"{NODE}local = false\n", ":1: node a: local is true"),
    "no text": (f"{NODE}ssh = 7\n", ":1: node a: ssh is a command in one line of text, not 7"),
    "empty": (f'{NODE}wrapper = " "\n', ":1: node a: wrapper is a command"),
    "two lines": (f'{NODE}ssh = "a\\nb"\n', ":1: node a: ssh is a command in one line"),
    "address": (f'{NODE}wrapper = "env A=b//c"\n', ":1: node a: wrapper cannot have //"),
    "quote": (f"{NODE}wrapper = \"env '\"\n", ":1: node a: wrapper: No closing quotation"),
    "slots": (f"{NODE}local = true\nslots = 0\n", ":1: node a: slots is a whole number from 1 to 64, not 0"),
    "true": (f"{NODE}local = true\nslots = true\n", ":1: node a: slots is a whole number"),
    "twice": (f"{NODE}local = true\n{NODE}local = true\n", ":4: two nodes are called a"),
}  # fmt: skip


@pytest.mark.parametrize("text, said", MISTAKES.values(), ids=MISTAKES)  # noqa: PT006
def test_a_mistake_is_told_with_its_line(tmp_path, text, said):
    with pytest.raises(InventoryError) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path}/fleet.toml{said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--driver=vfs"], "fleet.toml: No such file or directory"),
        (["--driver=vfs", "-n2"], "-n is for this host: an inventory has slots"),
        (["--driver=vfs", "--keep"], "--keep leaves daemons on the nodes"),
        (["--driver=vfs", "--alluredir=x"], "--alluredir is written where checks run"),
        (["--driver=vfs", "--mutant=identity"], "--mutant runs in one process"),
        (["--driver=vfs", "test_mine.py"], "test_mine.py: nodes have what travels with the suite"),
    ],
    ids=lambda words: words[-1] if isinstance(words, list) else "",
)  # fmt: skip
def test_a_run_that_cannot_be_spread_is_refused(tmp_path, words, said):
    """The exit status is that of a mistake on the command line, and nothing has started."""
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    pass\n")
    if "No such file" not in said:
        (tmp_path / "fleet.toml").write_text(THREE)
    words = [*words, "--inventory=fleet.toml", "-p", "no:cacheprovider"]
    if "test_mine.py" not in words:
        words += ["--pyargs", "roadworthy.conformance"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stdout + done.stderr
    assert f"roadworthy: --inventory: {said}" in done.stderr


def test_a_fleet_without_a_node_is_refused_with_every_reason(tmp_path):
    """Nodes that cannot be reached, that have no Python, or one without what the suite needs."""
    (tmp_path / "fleet.toml").write_text(
        '[[node]]\nname = "gone"\nwrapper = "false"\n'
        '[[node]]\nname = "nothing"\nwrapper = "/nowhere/program"\n'
        f'[[node]]\nname = "bare"\nlocal = true\npython = "{sys.executable} -I -S"\n'
    )
    words = ["--inventory=fleet.toml", "--driver=vfs", "--pyargs", "roadworthy.conformance", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stdout + done.stderr
    assert "no node is there: node gone cannot be reached" in done.stderr
    assert "node nothing cannot be reached: FileNotFoundError" in done.stderr
    assert "node bare lacks pytest, " in done.stderr
    assert "pip install roadworthy there, or name another python" in done.stderr
