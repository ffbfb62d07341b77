"""The house rules that a tool can hold: who may import what, and what nobody may call."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules(*places):
    """The Python files of these places, as paths below the project's root."""
    found = [path for place in places for path in sorted((ROOT / place).rglob("*.py"))]
    return [str(path.relative_to(ROOT)) for path in found] or [
        pytest.param("", marks=pytest.mark.skip("nothing there"))
    ]


def tree(module):
    return ast.parse((ROOT / module).read_text())


def imported(module):
    """The names of the modules that a file imports, also inside its functions."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute"
            yield node.module


def of_the_standard_library(name):
    return name.partition(".")[0] in sys.stdlib_module_names


def called(module):
    """The calls of a file, each with the dotted name of what is called and its keywords."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func), {word.arg: word.value for word in node.keywords}


#: The rooms of the house, the uppermost first; those on one floor know nothing of each other. A file of the package
#: itself is a room of its own, and the ground is what all may stand on.
FLOORS = (
    ("plugin",),
    ("fleet",),
    ("mutants",),
    ("fixtures",),
    ("command",),
    ("measuring", "repro"),
    ("run", "explorer", "cuts"),
    ("lane",),
    ("engines", "verdict", "store"),
    ("drivers", "guests"),
    ("machines",),
    ("calls",),
    ("supplies", "upkeep"),
    ("declaring",),
    ("trees",),
    ("engine_name", "reasons", "stage", "deadline", "programs"),
    ("versions", "linux", "clock", "reports", "extending"),
)
FLOOR = {room: number for number, rooms in enumerate(reversed(FLOORS)) for room in rooms}


def house():
    """The package's modules by their dotted name, each with those of them that it imports, wherever it does."""
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((ROOT / "roadworthy").rglob("*.py"))
    }
    for name in ("mutants", "reports"):  # links, which rglob does not follow
        for path in sorted((ROOT / name).rglob("*.py")):
            dotted = ".".join(("roadworthy", *path.relative_to(ROOT).with_suffix("").parts))
            paths[dotted.removesuffix(".__init__")] = path
    found = {name: set() for name in paths}
    for name, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names} & paths.keys()
            elif isinstance(node, ast.ImportFrom):
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                found[name] |= (whole & paths.keys()) or ({node.module} & paths.keys())
    return found


def room(module):
    return module.split(".")[1] if "." in module else ""


def test_no_circle():
    """Nothing imports itself by way of others, imports for type checkers counted."""
    imports, reaching, done = house(), [], set()

    def visit(module):
        assert module not in reaching, " -> ".join([*reaching[reaching.index(module) :], module])
        if module in done:
            return
        reaching.append(module)
        for other in sorted(imports[module]):
            if other != "roadworthy" and other != module:
                visit(other)
        reaching.pop()
        done.add(module)

    for module in imports:
        visit(module)


def test_a_wing_imports_what_lies_below_it():
    """Every room has a floor, and an import leads to a lower one."""
    imports = house()
    rooms = {room(module) for module in imports} - {""}
    assert rooms == set(FLOOR)
    up = [
        f"{module} imports {other}"
        for module, others in imports.items() for other in sorted(others)
        if room(module) and room(other) and room(module) != room(other) and FLOOR[room(module)] <= FLOOR[room(other)]
    ]  # fmt: skip
    assert not up


def test_the_hall_is_small():
    """At most a dozen files of the package are in no wing."""
    assert len([path for path in (ROOT / "roadworthy").iterdir() if path.is_file()]) <= 12


@pytest.mark.parametrize("module", modules("conformance", "bench"))
def test_a_check_uses_fixtures_and_words_only(module):
    """Checks import the standard library, pytest, `roadworthy` and its constants; all else they get as fixtures.

    What several of them ask of lies beside them, as the operations that the power is cut in.
    """
    others = [name for name in imported(module) if not of_the_standard_library(name)]
    beside = str(Path(module).parent).replace("/", ".")
    assert {name for name in others if name != f"roadworthy.{beside}"} <= {"pytest", "roadworthy", "roadworthy.linux"}


@pytest.mark.parametrize("module", modules("reports"))
def test_reports_read_bundles_only(module):
    """The page is made from bundles, on machines where nothing of the plugin runs."""
    ours = [name for name in imported(module) if name.partition(".")[0] == "roadworthy"]
    assert all(name.split(".")[1:2] == ["reports"] for name in ours)
    assert not {"pytest", "docker"}.intersection(name.partition(".")[0] for name in imported(module))


@pytest.mark.parametrize("module", ["roadworthy/calls/agent.py", "roadworthy/machines/capsule_init.py",
                                    "roadworthy/machines/watchdog_process.py"])  # fmt: skip
def test_what_runs_alone_imports_the_standard_library_only(module):
    """The agent, a capsule's first process and the watchdog are run by path, with nothing of ours beside them."""
    assert all(of_the_standard_library(name) for name in imported(module))


@pytest.mark.parametrize("module", modules("roadworthy", "reports", "mutants"))
def test_what_was_meant_is_guessed_in_one_place(module):
    """A misspelt word is answered in the same way wherever it was typed."""
    assert "difflib" not in imported(module) or module == "reports/nearest.py"


@pytest.mark.parametrize("module", modules("roadworthy/drivers"))
def test_a_driver_does_not_know_pytest(module):
    """A driver's file describes the driver; what a verdict is, it does not know."""
    assert not [name for name in imported(module) if name.partition(".")[0] in ("pytest", "_pytest", "docker")]


@pytest.mark.parametrize("module", modules("roadworthy", "reports", "mutants", "conformance", "bench", "tests"))
def test_no_module_is_a_drawer_for_everything(module):
    """A module is named after its idea."""
    assert Path(module).stem not in ("utils", "util", "helpers", "helper", "common", "misc")


@pytest.mark.parametrize("module", modules("roadworthy", "reports", "mutants", "conformance", "bench", "tests"))
def test_nothing_goes_through_a_shell(module):
    """Programs are started with argument lists."""
    for call, name, keywords in called(module):
        shell = keywords.get("shell")
        assert shell is None or ast.unparse(shell) == "False", f"{module}:{call.lineno}"
        assert name not in ("os.system", "os.popen", "subprocess.getoutput"), f"{module}:{call.lineno}"


#: What runs inside a capsule, a container or a guest, and ends with it; and `sealed`, whose child ends at once.
INSIDE = ("roadworthy/calls/agent.py", "roadworthy/guests/init.py", "roadworthy/guests/agent.py",
          "mutants/runtime.py", "mutants/twin_init.py", "roadworthy/store/sealed.py")  # fmt: skip
OF_SUBPROCESS = ("run", "Popen", "call", "check_call", "check_output")
#: Whatever else starts a process, by the names that the standard library gives it.
STARTING = re.compile(
    r"os\.(fork|forkpty|posix_spawnp?|spawn\w+|system|popen)|pty\.(fork|spawn)|subprocess\.get\w*output"
    r"|multiprocessing\..+|asyncio\.create_subprocess_\w+|.*ProcessPoolExecutor"
)


@pytest.mark.parametrize("module", [name for name in modules("roadworthy", "reports", "mutants") if name not in INSIDE])
def test_every_process_ends_with_the_one_that_starts_it(module):
    """A process is started by programs.run or with the words of `tied`, or inside a capsule, which ends it."""
    taken = {
        name.name for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom)
        and node.module in ("subprocess", "os", "pty", "multiprocessing", "asyncio") for name in node.names
    }  # fmt: skip
    assert not taken & {*OF_SUBPROCESS, "fork", "Process", "Pool"}, "name it with its module"
    for call, name, _ in called(module):
        if name in [f"subprocess.{one}" for one in OF_SUBPROCESS]:
            command = ast.unparse(call.args[0])
            assert "tied(" in command or command.startswith("self.enter("), f"{module}:{call.lineno}: {command}"
        assert not STARTING.fullmatch(name), f"{module}:{call.lineno}: {name}"


# The agent paces a workload inside a container; it waits for nothing.
@pytest.mark.parametrize(
    "module", [name for name in modules("roadworthy", "tests") if name != "roadworthy/calls/agent.py"]
)
def test_nothing_sleeps(module):
    """Every wait has a deadline and a name, which `wait_until` gives it."""
    assert not [call.lineno for call, name, _ in called(module) if name in ("time.sleep", "sleep")]
