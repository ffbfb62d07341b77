"""The explorer without a daemon: two directories of this host, one of them behind an agent that lies."""

import errno
import os
import subprocess

import pytest
from local_pipe import LocalPipe

from roadworthy.calls.answers import Status
from roadworthy.calls.exchange import Answer, Exchange
from roadworthy.explorer import run
from roadworthy.explorer.as_check import check
from roadworthy.explorer.divergence import Divergence
from roadworthy.explorer.explore import Explorer
from roadworthy.explorer.operations import FORMS, Operation, Sequence, sequence_from_json
from roadworthy.explorer.recorded import RULES, Recorded
from roadworthy.explorer.report import LINES, reproducer, steps
from roadworthy.explorer.run import Runner
from roadworthy.explorer.seeds import LAYERS, SET_TIMES, plain
from roadworthy.explorer.seen import Numbers, answer_fields, status_fields, time_of
from roadworthy.explorer.states import Node, World
from roadworthy.trees.layers import LONG_AGO_NS, Directory, File, Hardlink, Symlink
from roadworthy.verdict.deviations import Deviation, Deviations, Facts


class Lying(Exchange):
    """An exchange in which `lies`, by the name of a call, stand in for what the driver's side does and answers.

    A lie is asked with the call's arguments: an answer takes the call's place, None lets it be made.
    """

    def lie(self, lies):
        self.lies, self.driver, self.told = lies, set(), {}

    def spawn(self, directory):
        number = super().spawn(directory)
        if "/driver-" in directory:
            self.driver.add(number)
        return number

    def request(self, process, call, *arguments):
        lie = self.lies.get(call, lambda *_: None)(*arguments) if process in self.driver else None
        if lie is None:
            return super().request(process, call, *arguments)
        number = super().request(process, "getpid")
        self.told[number] = lie
        return number

    def wait(self, number, seconds, what):
        answer = super().wait(number, seconds, what)
        return self.told.pop(number, answer)


class LocalGround:
    """Trees without owners and attributes, which only root can give, in a directory of the test."""

    def __init__(self, exchange, root):
        self.root = root
        self.begun = 0
        self._exchange = exchange

    def exchange(self):
        return self._exchange

    def fresh(self):
        self.begun += 1
        return tuple(self.laid_out(self.root / f"{side}-{self.begun}") for side in ("driver", "reference"))

    def laid_out(self, root):
        root.mkdir()
        found = plain()
        for path in sorted(found, key=lambda name: (isinstance(found[name], Hardlink), name)):
            match found[path]:
                case File():
                    (root / path).write_bytes(found[path].content)
                case Directory():
                    (root / path).mkdir()
                case Symlink():
                    (root / path).symlink_to(found[path].target)
                case Hardlink():
                    os.link(root / found[path].target, root / path)
        for path in sorted(found, reverse=True):
            os.utime(root / path, ns=(LONG_AGO_NS, LONG_AGO_NS), follow_symlinks=False)
        return str(root)


@pytest.fixture
def lying(tmp_path):
    """A runner on two directories; the driver's side lies as it is told."""
    exchanges = []

    def lying(**lies):
        exchange = Lying(pipe=None)
        exchange.lie(lies)
        exchange.pipe = LocalPipe()
        exchanges.append(exchange)
        return Runner(LocalGround(exchange, tmp_path))

    yield lying
    for exchange in exchanges:
        exchange.close()


def sequence(*operations, attentive=False):
    return Sequence(attentive, operations)


def nothing_recorded(_):
    return None


# --- two sides


def test_two_sides_that_are_alike_do_not_differ(lying):
    """On two plain directories nothing is found, whatever is drawn."""
    explorer = Explorer(lying(), nothing_recorded, seed=1, processes=2, drawn=60)
    findings = explorer.explore(60, rounds=1)
    assert (findings.new, findings.unsteady, findings.known) == ([], [], {})
    assert explorer.runner.statistics.sequences > 20
    assert explorer.runner.statistics.steps > explorer.runner.statistics.sequences


def test_a_refusal_is_found(lying):
    """A side that refuses to change a mode is told from one that changes it."""
    shown = list(lying(chmod=lambda *_: Answer(errno=18)).run(sequence(Operation(0, "chmod", ("low", 0o600)))))
    assert str(shown[0]) == "A: chmod('low', 0600): answer 'EXDEV', on the volume 'success' (lower)"


def test_a_lie_without_words_shows_in_the_tree(lying):
    """A truncation that says that it was made, and was not, is found by looking."""
    runner = lying(truncate=lambda *_: Answer())
    shown = list(runner.run(sequence(Operation(0, "truncate", ("low", 3)))))
    assert {(found.path, found.what, found.driver, found.reference) for found in shown} >= {("low", "size", 9, 3)}
    looked = list(runner.run(sequence(Operation(0, "truncate", ("low", 3)), attentive=True)))
    assert (looked[0].look, looked[0].what, looked[0].name) == (True, "mtime", "look")


def test_what_is_recorded_is_counted_and_left_out(lying):
    """A recorded divergence ends nothing: the sequence goes on without the step, and shows what lies behind."""
    runner = lying(rename=lambda *_: Answer(errno=18), mkdir=lambda *_: Answer(errno=1))
    recorded = lambda found: RECORDED if found.driver == "EXDEV" else None  # noqa: E731
    explorer = Explorer(runner, recorded, seed=1)
    both = sequence(Operation(0, "rename", ("low", "new")), Operation(0, "mkdir", ("new", 0o755)))
    found = explorer.judged(both)
    assert (found.name, found.driver) == ("mkdir", "EPERM")
    assert found.sequence == both.without(0)
    assert explorer.findings.known[RECORDED.check].times == 1


def test_a_known_example_is_shortened(lying):
    """What an example of a recorded deviation does not need is left out of it."""
    explorer = Explorer(lying(rename=lambda *_: Answer(errno=18)), lambda _: RECORDED, seed=1)
    explorer.judged(sequence(*[Operation(0, "lstat", ("deep",))] * 5, Operation(0, "rename", ("low", "new"))))
    explorer.shorten()
    assert str(explorer.findings.known[RECORDED.check].example) == (
        "A: rename('low', 'new'): answer 'EXDEV', on the volume 'success' (lower)"
    )


def test_a_process_that_dies_on_both_sides_is_no_difference(lying):
    """A load behind the end of a file kills on both sides, and the sequence goes on with a new process."""
    shown = lying().run(
        sequence(
            Operation(0, "open", ("low", os.O_RDWR), into=0),
            Operation(0, "map", (False,), slot=0, into=0),
            Operation(0, "ftruncate", (0,), slot=0),
            Operation(0, "peek", (16,), slot=0),
            Operation(0, "lstat", ("low",)),
        )
    )
    assert list(shown) == []


def test_trouble_of_the_agent_is_no_finding(lying):
    """An agent that fails by itself ends the search with its fault, and hypothesis does not try to shrink it."""
    explorer = Explorer(lying(listdir=lambda *_: Answer(died=-9)), nothing_recorded, seed=1)
    with pytest.raises(run.AgentFault, match="killed from outside"):
        explorer.judged(sequence(Operation(0, "listdir", ("dir",))))
    with pytest.raises(run.AgentFault):
        explorer.explore(60, rounds=3)
    assert explorer.findings.new == []


class Faulty:
    """A runner of a driver that answers wrongly to a rename of what was opened before."""

    def __init__(self):
        self.statistics = run.Statistics()

    def run(self, sequence):
        opened = set()
        for position, operation in enumerate(sequence.operations):
            opened |= set(operation.paths) if operation.name == "open" else set()
            if operation.name == "rename" and operation.arguments[0] in opened:
                found = operation.arguments[0]
                yield Divergence(sequence, position, operation, found, False, "answer", "EXDEV", "success", "lower")


def found_something(explorer):
    """What a search has found by the end of the first round that found anything."""
    while not explorer.findings.new and not explorer.findings.unsteady:
        assert explorer.explore(100, rounds=1) is explorer.findings
    return explorer.findings


def test_a_divergence_is_shrunk_to_what_shows_it():
    """Of the sequence that found it two operations are left, with the simplest arguments, and it is found once."""
    findings = found_something(Explorer(Faulty(), nothing_recorded, seed=1, drawn=50))
    (found,) = findings.new
    assert [str(operation) for operation in found.sequence.operations] == [
        "A: a0 = open('low', O_RDONLY)", "A: rename('low', 'low')"
    ]  # fmt: skip
    assert (found.sequence.attentive, found.position, findings.unsteady) == (False, 1, [])


def test_what_does_not_show_again_is_unsteady():
    """A divergence that the same sequence does not show again is kept apart."""
    once = iter([True])

    class Fickle(Faulty):
        def run(self, sequence):
            for found in super().run(sequence):
                if next(once, False):
                    yield found

    findings = found_something(Explorer(Fickle(), nothing_recorded, seed=1, drawn=50))
    assert (len(findings.new), len(findings.unsteady)) == (0, 1)


class Recording:
    """A runner that only writes down what it is given."""

    def __init__(self):
        self.given = []
        self.statistics = run.Statistics()

    def run(self, sequence):
        self.given.append(sequence)
        return iter(())


def test_the_same_seed_draws_the_same_sequences():
    """A search can be made again; another number makes another one."""
    drawn = []
    for seed in (1, 1, 2):
        runner = Recording()
        Explorer(runner, nothing_recorded, seed, drawn=50).explore(60, rounds=1)
        drawn.append(runner.given)
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    used = {operation.name for sequence in drawn[0] + drawn[2] for operation in sequence.operations}
    assert len(used) > len(FORMS) // 2


def test_an_operation_works_on_a_slot_that_was_filled_before():
    """No drawn operation is on a descriptor or a mapping that no operation before it makes."""
    runner = Recording()
    Explorer(runner, nothing_recorded, 3, drawn=50).explore(60, rounds=1)
    for drawn in runner.given:
        made = set()
        for operation in drawn.operations:
            kind = "mapping" if operation.form.on_mapping else "descriptor"
            assert operation.slot is None or (operation.process, kind, operation.slot) in made
            made.add((operation.process, operation.form.makes, operation.into))


# --- what may differ

STATUS = Status(1, 2, 0o100644, 1, 0, 0, 0, 5, 8, 0, LONG_AGO_NS, 0)


def status(**changes):
    return Status(**{**{name: getattr(STATUS, name) for name in STATUS.__dataclass_fields__}, **changes})


@pytest.mark.parametrize("name", ["dev", "ino", "rdev", "blocks", "atime_ns", "ctime_ns"])
def test_what_is_the_file_systems_own_is_not_compared(name):
    """Numbers, blocks, access and change times may differ."""
    node = Node("file")
    assert status_fields(status(**{name: 77}), node, Numbers()) == status_fields(STATUS, node, Numbers())


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"mode": 0o100600}, "mode"), ({"uid": 1}, "owner"), ({"size": 6}, "size"), ({"nlink": 2}, "nlink"),
     ({"mtime_ns": SET_TIMES[0]}, "mtime"), ({"mode": 0o120777}, "kind")],
)  # fmt: skip
def test_what_programs_rely_on_is_compared(changes, field):
    """Type, mode, owner, size, links and the time of modification may not differ."""
    seen = status_fields(status(**changes), Node("file"), Numbers())
    assert seen[field] != status_fields(STATUS, Node("file"), Numbers())[field]


def test_a_directorys_size_and_links_are_its_file_systems_own():
    """Two directories are alike whatever they take and count."""
    one, other = status(mode=0o40755, size=4096, nlink=3), status(mode=0o40755, size=6, nlink=1)
    assert status_fields(one, None, Numbers()) == status_fields(other, None, Numbers())


def test_a_directorys_positions_are_its_file_systems_own():
    """Where a seek in a directory leads is not compared, and in a file it is."""
    seek = Operation(0, "lseek", (0, os.SEEK_END), slot=0)
    seen = [[answer_fields(seek, answer, Node(kind), Numbers()) for answer in (Answer(5), Answer(errno=22))]
            for kind in ("directory", "file")]  # fmt: skip
    assert seen[0][0] == seen[0][1]
    assert seen[1][0] != seen[1][1]


def test_a_read_of_a_directory_is_refused_whatever_its_position():
    """An end that one side alone could seek to decides which errno comes first; a file's errno is compared."""
    read = Operation(0, "read", (0, 64), slot=0)
    answers = [Answer(errno=code) for code in (errno.EISDIR, errno.EINVAL)]
    assert [answer_fields(read, answer, Node("directory"), Numbers()) for answer in answers] == [
        {"answer": "refused"}
    ] * 2
    assert [answer_fields(read, answer, Node("file"), Numbers())["answer"] for answer in answers] == [
        "EISDIR",
        "EINVAL",
    ]
    assert answer_fields(read, Answer(errno=errno.EIO), Node("directory"), Numbers()) == {"answer": "EIO"}
    assert answer_fields(read, Answer(b"x"), Node("directory"), Numbers())["data"] == b"x"


def test_times_of_the_clock_are_all_alike():
    """Only a time that was set is told from another."""
    assert time_of(LONG_AGO_NS + 1) == time_of(1_700_000_000 * 10**9) == "now"
    assert time_of(SET_TIMES[0]) != time_of(SET_TIMES[1])


def test_a_number_tells_whether_an_object_is_the_same():
    """What is compared of a number is whether the object kept it, and whether another one has it."""
    numbers, one, other = Numbers(), Node("file"), Node("file")
    assert [numbers.relation(one, (1, 2)), numbers.relation(one, (1, 2))] == ["kept", "kept"]
    assert numbers.relation(one, (1, 3)) == "changed"
    assert numbers.relation(other, (1, 3)) == "another file's"
    one.links = 0
    assert numbers.relation(other, (1, 3)) == "kept"


# --- the model of layers


@pytest.mark.parametrize(
    ("path", "state"),
    [("low", "lower"), ("deep", "lower-deep"), ("both", "merged"), ("both/x", "lower-deep"), ("dir", "lower"),
     ("hidden", "absent"), ("new", "absent"), ("way/x", "lower-deep"), ("link", "lower"), ("opaque/new", "lower")],
)  # fmt: skip
def test_the_seed_tree_is_in_these_states(path, state):
    """The model knows which layer has what, as the image is written."""
    assert World(LAYERS).spot(path).state == state


def test_states_follow_what_operations_do():
    """A write copies up, a removal leaves a whiteout, a directory over it is opaque, an open file outlives its name."""
    world = World()

    def done(name, *arguments, **slots):
        world.apply(Operation(0, name, arguments, **slots))

    done("chmod", "low", 0o600)
    done("open", "deep", os.O_RDONLY, into=0)
    done("unlink", "deep")
    done("rename", "dir/q", "both/new")
    assert [world.spot(path).state for path in ("low", "deep", "dir", "both/new", "dir/q")] == [
        "copied-up", "whiteout", "merged", "copied-up", "whiteout"
    ]  # fmt: skip
    assert world.state(Operation(0, "fstat", slot=0)) == "unlinked-lower"
    done("mkdir", "deep", 0o755)
    assert world.spot("deep").state == "opaque"
    done("tmpfile", "empty", into=1)
    assert world.state(Operation(0, "fstat", slot=1)) == "unlinked"
    done("linkfd", "empty/new", slot=1)
    assert world.spot("empty/new").state == "upper"


# --- recorded deviations

REFUSED = "'EXDEV' == 'success'"
RECORDED = Deviation(
    "rename/lower-populated-dir", {"driver": ("overlay2",)}, REFUSED, "why", "source", "rename.toml", 1
)
MOVE = sequence(Operation(0, "rename", ("dir", "new")))
MOVED = Divergence(
    MOVE, 0, MOVE.operations[0], "dir", False, "answer", "EXDEV", "success", "lower",
    frozenset({"directory", "lower directory", "populated"}),
)  # fmt: skip


def facts(driver):
    return lambda provenance: Facts(driver, "", "ext4", "docker", (20, 10), (6, 1), provenance, {})


def test_a_divergence_is_named_where_the_deviation_is_recorded_for_the_lane():
    """A rule alone names nothing: the deviation has to apply, and its errno has to be the answer."""
    entries = Deviations((RECORDED,))
    assert Recorded(entries, facts("overlay2")).find(MOVED) is RECORDED
    assert Recorded(entries, facts("native")).find(MOVED) is None
    assert Recorded(Deviations(()), facts("overlay2")).find(MOVED) is None
    other = Divergence(**{**vars(MOVED), "driver": "EIO"})
    assert Recorded(entries, facts("overlay2")).find(other) is None


def test_lost_set_id_bits_are_told_from_other_modes():
    """The deviation of a copy without its set-id bits is not one of any other mode."""
    deviation = Deviation(
        "copyup/preserves-owner-mode-times", {"driver": ("fuse-overlayfs",)}, "0751", "why", "x", "y", 1
    )
    recorded = Recorded(Deviations((deviation,)), facts("fuse-overlayfs"))
    seen = {"what": "mode", "driver": "0755", "reference": "6755", "traits": frozenset({"lower", "copied"})}
    assert recorded.find(Divergence(**{**vars(MOVED), **seen})) is deviation
    assert recorded.find(Divergence(**{**vars(MOVED), **seen, "driver": "0700"})) is None
    assert recorded.find(Divergence(**{**vars(MOVED), **seen, "traits": frozenset({"lower"})})) is None


def test_a_removed_name_that_comes_back_is_told_by_what_was_done_to_it():
    """A name is back as the deviation has it only where a directory took it and was renamed away."""
    deviation = Deviation(
        "rename/directory-over-removed-file", {"driver": ("fuse-overlayfs",)}, "x", "why", "x", "y", 1
    )
    recorded = Recorded(Deviations((deviation,)), facts("fuse-overlayfs"))
    made = [Operation(0, "unlink", ("low",)), Operation(0, "mkdir", ("low", 0o755)),
            Operation(0, "rename", ("low", "new"))]  # fmt: skip
    back = {"path": "low", "look": True, "driver": "success", "reference": "ENOENT", "state": "whiteout"}
    for operations, wanted in ((made, deviation), (made[:1], None)):
        shown = {"sequence": sequence(*operations), "position": len(operations) - 1, "operation": operations[-1]}
        assert recorded.find(Divergence(**{**vars(MOVED), **back, **shown})) is wanted


def test_what_an_exchange_loses_is_told_by_the_exchange():
    """A name that is missing is the broken exchange's only after one, and where that is recorded as a loss."""
    lost = {"path": "low/k", "look": True, "what": "entry", "driver": "missing", "reference": "there"}
    exchanged = sequence(Operation(0, "exchange", ("low", "deepdir")))
    for signature, done, wanted in (("[]", exchanged, True), ("[]", MOVE, False), (REFUSED, exchanged, False)):
        deviation = Deviation("rename/exchange-file-with-lower-dir", {"driver": ("x",)}, signature, "why", "x", "y", 1)
        found = Divergence(**{**vars(MOVED), **lost, "sequence": done, "operation": done.operations[0]})
        assert (Recorded(Deviations((deviation,)), facts("x")).find(found) is deviation) == wanted


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join((rule.check, *rule.traits, *rule.after)))
def test_every_rule_is_about_something(rule):
    """A rule asks for operations that there are, and for more than any difference of any file."""
    assert set(rule.names) <= {*FORMS, "tree", "look"}
    assert rule.traits or rule.names or rule.state or rule.made
    assert {*rule.after, *filter(None, [rule.made])} <= set(FORMS)
    assert not rule.fits(Divergence(MOVE, 0, None, "low", False, "mode", "0644", "0600", "lower"))


# --- what a person gets


def test_a_check_is_ready_made():
    """The check has the layers that it needs, the calls, and what holds on the volume."""
    text = check(MOVED, "rename/found")
    compile(text.replace("…", "x"), "check", "exec")
    assert "'dir/q': File(content=b'q below')" in text
    assert "fs.rename('dir', 'new')" in text
    assert "deep" not in text


def test_a_check_asks_for_the_refusal_that_the_volume_gives():
    """Where the volume refuses, the check wants that refusal."""
    refused = Divergence(**{**vars(MOVED), "reference": "ENOTEMPTY"})
    assert "assert fs.attempt.rename('dir', 'new') == 'ENOTEMPTY'" in check(refused)


def test_a_reproducer_in_shell_runs(lying, tmp_path):
    """Operations that a shell has commands for become a script, and that does what they did."""
    operations = (Operation(0, "chmod", ("low", 0o600)), Operation(1, "link", ("low", "new")))
    found = Divergence(sequence(*operations), 2, None, "new", False, "mode", "0644", "0600", "upper")
    script = reproducer(found)
    assert script.startswith("# in the layer: low")
    assert len(script.splitlines()) <= LINES
    (tmp_path / "low").write_text("x")
    done = subprocess.run(["sh", "-e"], input=script, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith("regular file 600 ")


def every_operation():
    """Each operation of the vocabulary once, on slots that were filled before."""
    from roadworthy.explorer.sequences import FURTHER

    first = [Operation(0, "open", ("low", os.O_RDWR), into=9), Operation(0, "map", (True,), slot=9, into=9)]
    for name, form in FORMS.items():
        arguments = [*(("low", f"new-{name}")[: len(form.paths)])]
        if name == "symlink":
            arguments.insert(0, "low")
        for choices in FURTHER.get(name, ()):
            arguments += choices[0] if isinstance(choices[0], tuple) else [choices[0]]
        slot = 9 if form.on_descriptor or form.on_mapping else None
        first.append(Operation(0, name, tuple(arguments), slot, 1 if form.makes else None))
    return first


@pytest.mark.parametrize("operation", every_operation()[2:], ids=lambda operation: operation.name)
def test_every_operation_has_a_line_of_c(operation, tmp_path):
    """A reproducer of any operation is C that compiles, in ten lines or fewer."""
    before = [one for one in every_operation()[:2] if operation.slot is not None]
    found = Divergence(
        sequence(*before, Operation(2, "fsync", slot=9) if before else operation, operation), len(before) + 1,
        operation, "low", False, "answer", "EIO", "success", "lower",
    )  # fmt: skip
    from roadworthy.explorer.in_c import program

    text = program([*before, operation], "any image", "answer", LINES)
    assert len(text.splitlines()) <= LINES
    source = tmp_path / "r.c"
    source.write_text(text)
    command = text.splitlines()[1].removeprefix("// ").replace("-static ", "").split()
    subprocess.run([*command[:-1], "-fsyntax-only", str(source)], check=True, capture_output=True)
    compile(check(found).replace("…", "x"), "check", "exec")


def test_a_long_sequence_is_still_ten_lines():
    """Statements share lines where there are more of them than lines."""
    many = [Operation(0, "write", (b"a",), slot=0)] * 30
    operations = [Operation(0, "open", ("low", os.O_RDWR), into=0), *many]
    found = Divergence(sequence(*operations), 30, operations[-1], "", False, "answer", "EIO", "success", "upper")
    assert len(reproducer(found).splitlines()) <= LINES


def test_a_look_is_shown_as_an_operation_of_its_own():
    """What was found by looking ends with that look."""
    found = Divergence(MOVE, 0, MOVE.operations[0], "new", True, "mode", "0700", "0755", "upper")
    assert [str(operation) for operation in steps(found)] == ["A: rename('dir', 'new')", "A: lstat('new')"]


def test_a_sequence_survives_its_record():
    """What the record of a search holds can be run again."""
    kept = sequence(*every_operation(), attentive=True)
    assert sequence_from_json(kept.as_json()) == kept
    with pytest.raises(ValueError, match="not an operation"):
        sequence_from_json({"attentive": True, "operations": [[0, "fly", [], None, None]]})
