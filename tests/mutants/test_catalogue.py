"""The mutants' parts that need neither root nor an engine: the wrapper's edit, layouts, the catalogue, the matrix."""

import ctypes
import json
import os
import re
import socket
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

import roadworthy.mutants.faults  # registers the faults
import roadworthy.mutants.lies  # noqa: F401 - registers the lies
from roadworthy.mutants import call_filter, notification, runtime
from roadworthy.mutants.__main__ import asked
from roadworthy.mutants.call import FAULTS
from roadworthy.mutants.calls import ARCHITECTURE, NUMBERS, SECOND, SUBJECT
from roadworthy.mutants.catalogue import Catalogue, Mutant, UnknownMutant, catalogue, find
from roadworthy.mutants.disks import DISKS
from roadworthy.mutants.faults.listings import Dirent, entries, fitting
from roadworthy.mutants.faults.status import STAT, STAT_SIZE
from roadworthy.mutants.kill_matrix import KillMatrix, Ran, disagreements, row
from roadworthy.mutants.lie import LIES
from roadworthy.mutants.run import Armed, MutantRun, Supervisor, check_of
from roadworthy.mutants.sabotage import SABOTEURS
from roadworthy.mutants.selection import Wanted, wanted
from roadworthy.mutants.series import Series, Turn, changes_hands
from roadworthy.mutants.supervisor import Faulty
from roadworthy.mutants.target import IN_IMAGE, ON_VOLUME
from roadworthy.mutants.without_sync import without_sync
from roadworthy.reports.kills import read_kills
from roadworthy.upkeep.reaper import start_time

PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "architectures": ["SCMP_ARCH_X86_64"],
    "syscalls": [
        {"names": ["open", "openat", "read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["openat"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]},
    ],
}


def edit(seccomp, calls):
    config = {"linux": {"seccomp": seccomp}} if seccomp else {"process": {}}
    return runtime.edited(config, calls, "/run/n", "some-mutant")["linux"]["seccomp"]


def test_wanted_calls_leave_every_rule_and_get_one_of_their_own():
    edited = edit(PROFILE, ["openat", "open"])
    assert edited["syscalls"] == [
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        PROFILE["syscalls"][2],
        {"names": ["openat", "open"], "action": "SCMP_ACT_NOTIFY"},
    ]
    assert (edited["listenerPath"], edited["listenerMetadata"]) == ("/run/n", "some-mutant")
    assert edited["defaultAction"] == "SCMP_ACT_ERRNO"


@pytest.mark.parametrize("refused", ["fanotify_init", "personality"])
def test_what_the_profile_refuses_stays_refused(refused):
    """A notified call that goes on would pass a sandbox that the driver has nothing to do with."""
    assert edit(PROFILE, ["open", refused])["syscalls"][-1]["names"] == ["open"]


def test_container_without_a_profile_gets_one_that_allows():
    edited = edit(None, ["open"])
    assert edited["defaultAction"] == "SCMP_ACT_ALLOW"
    assert edited["syscalls"] == [{"names": ["open"], "action": "SCMP_ACT_NOTIFY"}]


@pytest.mark.parametrize(
    ("arguments", "bundle"),
    [
        (["--root", "/r", "create", "--bundle", "/b", "id"], "/b"),
        (["create", "--bundle=/b", "id"], "/b"),
        (["create", "-b", "/b", "id"], "/b"),
        (["exec", "--process", "/p", "id"], None),
        (["delete", "id"], None),
    ],
)
def test_only_create_has_a_bundle(arguments, bundle):
    assert runtime.bundle_of(arguments) == bundle


def run_wrapper(tmp_path: Path, calls: list[str], *arguments: str) -> tuple[str, dict]:
    """Run the wrapper by path with a runc that prints its arguments; its output, and the bundle's configuration."""
    wrapper, bundle = tmp_path / "mutant", tmp_path / "bundle"
    wrapper.write_bytes(Path(runtime.__file__).read_bytes())
    bundle.mkdir()
    (bundle / "config.json").write_text(json.dumps({"linux": {"seccomp": PROFILE}}))
    settings = {"runc": "/bin/echo", "calls": calls, "listener": "/n", "mutant": "m"}
    (tmp_path / "mutant.json").write_text(json.dumps(settings))
    words = [word.replace("BUNDLE", str(bundle)) for word in arguments]
    done = subprocess.run(
        [sys.executable, "-I", "-S", wrapper, *words], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip().replace(str(bundle), "BUNDLE"), json.loads((bundle / "config.json").read_text())


def test_wrapper_edits_and_becomes_runc(tmp_path):
    said, config = run_wrapper(tmp_path, ["open"], "--log", "/l", "create", "--bundle", "BUNDLE", "id")
    assert said == "--log /l create --bundle BUNDLE id"
    assert config["linux"]["seccomp"]["syscalls"][-1]["action"] == "SCMP_ACT_NOTIFY"


def test_wrapper_without_calls_edits_nothing(tmp_path):
    said, config = run_wrapper(tmp_path, [], "create", "--bundle", "BUNDLE", "id")
    assert said == "create --bundle BUNDLE id"
    assert config["linux"]["seccomp"] == PROFILE


def test_wrapper_passes_everything_else_on(tmp_path):
    said, config = run_wrapper(tmp_path, ["open"], "exec", "--process", "/p", "id")
    assert said == "exec --process /p id"
    assert config["linux"]["seccomp"] == PROFILE


# --- layouts


def ioctl_number(direction: int, number: int, size: int) -> int:
    """asm-generic/ioctl.h, with the type of seccomp's requests."""
    return direction << 30 | size << 16 | ord("!") << 8 | number


def test_requests_are_made_of_the_sizes_of_their_structures():
    assert notification.NOTIFICATION.size == 80
    assert notification.RESPONSE.size == 24
    assert notification.ADDITION.size == 24
    assert ioctl_number(3, 0, 80) == notification.RECEIVE
    assert ioctl_number(3, 1, 24) == notification.SEND
    assert ioctl_number(1, 2, 8) == notification.ID_VALID
    assert ioctl_number(1, 3, 24) == notification.ADD_DESCRIPTOR


def test_notification_is_read_by_offset():
    raw = bytearray(80)
    struct.pack_into("=Q", raw, 0, 7)
    struct.pack_into("=I", raw, 8, 4321)
    struct.pack_into("=i", raw, 16, 257)
    struct.pack_into("=I", raw, 20, 0xC000003E)
    struct.pack_into("=6Q", raw, 32, 1, 2, 3, 4, 5, 6)
    read = notification.unpacked(raw)
    assert read == notification.Notification(7, 4321, 257, 0xC000003E, (1, 2, 3, 4, 5, 6))


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="struct stat differs between machines")
def test_status_fields_lie_where_the_kernel_puts_them(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "file").chmod(0o640)
    os.link(tmp_path / "file", tmp_path / "name")
    buffer = ctypes.create_string_buffer(STAT_SIZE)
    notification.syscall(NUMBERS["lstat"], os.fsencode(tmp_path / "file"), buffer)
    found = (tmp_path / "file").stat()
    for name in ("ino", "nlink", "mode", "uid", "gid", "size", "blocks"):
        offset, form = STAT[name]
        assert struct.unpack_from(form, buffer.raw, offset)[0] == getattr(found, f"st_{name}"), name
    seconds, nanoseconds = (
        struct.unpack_from(STAT[name][1], buffer.raw, STAT[name][0])[0] for name in ("ctime", "ctime_ns")
    )
    assert seconds * 10**9 + nanoseconds == found.st_ctime_ns


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers differ between machines")
def test_directory_entries_survive_reading_and_writing(tmp_path):
    for name in ("a", "b" * 200, "ü"):
        (tmp_path / name).touch()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    buffer = ctypes.create_string_buffer(32768)
    filled = notification.syscall(NUMBERS["getdents64"], descriptor, buffer, 32768)
    os.close(descriptor)
    listed = entries(buffer.raw[:filled])
    assert {os.fsdecode(entry.name) for entry in listed} == {".", "..", "a", "b" * 200, "ü"}
    assert entries(fitting(listed, 32768)) == listed
    assert len(fitting(listed, 60)) <= 60


def test_directory_entry_is_padded_to_eight_bytes():
    packed = Dirent(1, 2, 8, b"name").packed
    assert len(packed) == 24
    assert struct.unpack_from("=QqHB", packed) == (1, 2, 24, 8)


# --- catalogue and command line


def test_every_mutant_has_its_fault_and_every_fault_its_entry():
    named = {"notify": set(FAULTS), "saboteur": set(SABOTEURS), "engine": set(LIES), "disk": set(DISKS)}
    assert {kind: {found.name for found in catalogue().values() if found.kind == kind} for kind in named} == named


@pytest.mark.parametrize("mutant", catalogue().values(), ids=lambda mutant: mutant.name)
def test_entry_is_complete(mutant):
    assert mutant.fault
    assert set(mutant.calls) <= set(NUMBERS)
    assert "write" not in mutant.calls  # runc needs it itself to pass the descriptor on
    assert bool(mutant.calls) == (mutant.kind == "notify" or mutant.name == "identity-notify")
    assert bool(mutant.families) == (mutant.kind != "identity")
    assert mutant.tree or not set(mutant.families) & {word.partition("/")[0] for word in mutant.reviewed}
    assert not (mutant.tree and mutant.seen_by)  # the twin compares no trees
    assert all(mutant.concerns(check) for check in (*mutant.also, *filter(None, [mutant.seen_by])))


def test_names_of_arguments_are_of_known_calls():
    assert set(SUBJECT) | set(SECOND) <= set(NUMBERS)


def test_unknown_name_tells_the_nearest_and_where_all_are_listed():
    with pytest.raises(UnknownMutant, match="did you mean 'append-overwrites'") as refused:
        find("apend-overwrites")
    assert "python -m roadworthy.mutants --list" in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_turn_without_a_bundle_ends_too(tmp_path):
    series = Series(tmp_path, [])
    series.note("plain", 1.5)
    assert series.seconds("plain") == 1.5


@pytest.mark.parametrize(
    ("identity", "slow", "only", "slow_too", "asked"),
    [
        ("rename/a[upper]", False, [], [], True),
        ("image/b", True, [], [], False),
        ("image/b[x]", True, [], ["image/b"], True),
        ("rename/a[upper]", False, ["rename/*"], [], True),
        ("rename/c", True, ["rename/*"], [], False),
        ("rename/c", True, ["rename/c"], [], True),
        ("link/a", False, ["rename/*"], [], False),
        ("image/b", True, [], ["*"], True),
    ],
)
def test_which_checks_a_sensitivity_run_asks(identity, slow, only, slow_too, asked):
    assert wanted(identity, slow, only, slow_too) is asked


class Check:
    """A collected check, as far as the selection looks at it."""

    def __init__(self, identity, slow=False):
        self.markers = {"check": pytest.mark.check(identity, source="", provenances=()).mark}
        self.markers |= {"slow": pytest.mark.slow.mark} if slow else {}

    def get_closest_marker(self, name):
        return self.markers.get(name)

    def iter_markers(self, _name):
        return iter(())


def test_sample_is_a_part_of_the_quick_checks_and_another_for_each_mutant():
    checks = [Check(f"link/{number}") for number in range(600)]
    samples = [{number for number, check in enumerate(checks) if Wanted(("rename/*",), sample=name).asks(check)}
               for name in ("one", "other")]  # fmt: skip
    assert all(5 < len(sample) < 30 for sample in samples)
    assert samples[0] != samples[1]
    slow = [Check(f"link/{number}", slow=True) for number in range(600)]
    assert not any(Wanted(("rename/*",), sample="one").asks(check) for check in slow)


def test_what_a_mutant_is_asked():
    lies = Mutant(name="m", fault="lies", kind="notify", families=("rename",), also=("life/a",), seen_by="rename/b")
    assert asked(lies, (), False, False) == Wanted(("rename/*", "life/a"), sample="m", volumes=False)
    assert asked(lies, (), True, False) == Wanted((), ("life/a",))
    assert asked(lies, ("link/*",), False, False) == Wanted(("link/*",), ("life/a",))
    assert asked(lies, (), False, True) == Wanted(("rename/b",))


# --- a series


def series(tmp_path, *names):
    return Series(tmp_path, [Turn(name, Wanted((f"{name}/*",), sample=name)) for name in names])


def test_processes_share_a_series(tmp_path):
    """What one process has begun no other takes, and all of it is taken."""
    path = tmp_path / "series.json"
    series(tmp_path, "a", "b", "c").write(path)
    one, other = Series.read(path).mine(), Series.read(path).mine()
    assert [next(one).mutant, next(other).mutant, next(one).mutant] == ["a", "b", "c"]
    assert list(other) == []
    assert Series.read(path).turns == series(tmp_path, "a", "b", "c").turns


def test_turn_that_did_not_end_is_given_back(tmp_path):
    shared = series(tmp_path, "done", "begun")
    for turn in shared.mine():
        (tmp_path / turn.mutant).mkdir()
    shared.note("done", 1.25)
    assert shared.finished() == ["done"]
    assert shared.seconds("done") == 1.2
    assert shared.release() == ["begun"]
    assert not (tmp_path / "begun").exists()
    assert [turn.mutant for turn in shared.mine()] == ["begun"]


@pytest.mark.parametrize("spoiled", [True, False])
def test_a_lane_comes_up_anew_after_a_mutant_that_spoils(spoiled):
    """A spoiled daemon goes before the next mutant takes its place; of a sound one only the containers go."""
    done = []
    stand = SimpleNamespace(remove_containers=lambda: done.append("containers removed"), renewable=True,
                            compare_trees=lambda compared: done.append(f"compared: {compared}"))  # fmt: skip
    run = SimpleNamespace(
        stands=SimpleNamespace(
            of=lambda _: stand, renew=lambda _, meanwhile: [done.append("down"), meanwhile(), done.append("up")]
        ),
    )
    faults = SimpleNamespace(
        become=lambda name: done.append(name), sabotage=lambda _: done.append("edited"), trees=False
    )
    item = SimpleNamespace(callspec=SimpleNamespace(params={"lane": None}), get_closest_marker=lambda _: None)
    changes_hands(run, faults, "next", [item], spoiled)
    assert done == (["down", "next", "up"] if spoiled else ["containers removed", "next", "compared: False", "edited"])


@pytest.mark.parametrize(
    ("directory", "volumes", "concerned"),
    [("/c/link.a", False, True), ("/volume/c/link.a", False, False), ("/volume/c/link.a", True, True),
     ("/volume/r/1", True, False), ("/", True, False)],
)  # fmt: skip
def test_where_a_fault_applies(directory, volumes, concerned):
    """In the image always, on the volume if the catalogue says so, and never where the suite itself works."""
    target = SimpleNamespace(
        checking=directory.startswith(IN_IMAGE), on_volume=directory.startswith(ON_VOLUME), directory=directory
    )
    assert Faulty(lambda _call: None, volumes).concerns(target) is concerned


def test_controls_on_a_volume_are_asked_about_faults_of_volumes_only():
    """A check on a volume is no check of the driver: only a fault of the backing or of the kernel concerns it."""
    lies = Mutant(name="m", fault="lies", kind="notify", families=("rename",))
    assert not asked(lies, (), False, False).volumes
    assert asked(msgspec.structs.replace(lies, volumes=True), (), False, False).volumes
    assert catalogue()["identity-notify"].volumes


def test_what_reaches_images_spoils():
    """Mutants that write to the image or hand it out, fill the disk or leave mounts behind say so."""
    spoiling = {mutant.name for mutant in catalogue().values() if mutant.spoils}
    assert {"write-reaches-image", "reader-goes-stale", "removed-layer-stays", "mount-left-behind"} <= spoiling


# --- filters of calls


def judged(code, number, architecture=ARCHITECTURE):
    """What a filter answers to a call: classic BPF, as far as ours uses it."""
    lines = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    at = loaded = 0
    while True:
        operation, taken, else_taken, value = lines[at]
        at += 1
        if operation == call_filter.LOAD:
            loaded = architecture if value == call_filter.ARCHITECTURE_AT else number
        elif operation == call_filter.JUMP_EQUAL:
            at += taken if loaded == value else else_taken
        else:
            assert operation == call_filter.RETURN
            return value


def test_filter_notifies_the_named_calls_only():
    code = call_filter.program(["open", "rename", "statx"], call_filter.NOTIFY)
    verdicts = {name: judged(code, number) for name, number in NUMBERS.items()}
    assert {name for name, verdict in verdicts.items() if verdict == call_filter.NOTIFY} == {"open", "rename", "statx"}
    assert set(verdicts.values()) == {call_filter.NOTIFY, call_filter.ALLOW}
    assert judged(code, NUMBERS["open"], architecture=0x40000003) == call_filter.ALLOW


def test_what_is_pretended_reports_success():
    """SECCOMP_RET_ERRNO with errno 0, see seccomp(2)."""
    code = call_filter.program(["fsync"], call_filter.PRETEND)
    assert judged(code, NUMBERS["fsync"]) == 0x00050000
    assert judged(code, NUMBERS["open"]) == call_filter.ALLOW


#: Each of these fails on a descriptor or an address that is none.
SYNCS = """
import ctypes, os
libc = ctypes.CDLL(None)
print(libc.fsync(-1), libc.fdatasync(-1), libc.msync(1, 1, 4), libc.syncfs(-1), libc.sync_file_range(-1, 0, 0, 0))
print("PYTHONPATH" in os.environ, libc.close(-1))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to filter the calls of programs that may become root")
@pytest.mark.parametrize(
    ("start", "said"), [(list, "-1 -1 -1 -1 -1\nFalse -1\n"), (without_sync, "0 0 0 0 0\nFalse -1\n")]
)
def test_a_program_that_syncs_nothing_is_told_that_it_did(start, said):
    words = [sys.executable, "-c", SYNCS]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(start(words), capture_output=True, text=True, timeout=30, check=False, env=environment)
    assert (done.stdout, done.stderr) == (said, "")


# --- the matrix

FAULTY = Mutant(name="m", fault="lies", kind="notify", families=("rename",), reviewed={"conc/storm": "renames"})
CLEAN = Ran({"rename/a": "pass", "rename/b": "pass", "link/a": "pass", "conc/storm": "pass", "open/a": "known"})


def mutated(**changed: str) -> Ran:
    verdicts = {**CLEAN.verdicts, **{name.replace("_", "/"): verdict for name, verdict in changed.items()}}
    return Ran(verdicts, hits={"rename.a": 3, "rename.b": 1})


def test_kill_in_the_declared_family():
    found = row(FAULTY, CLEAN, mutated(rename_a="fail", conc_storm="fail"))
    assert (found.outcome, found.hits, found.killed_by) == ("killed", 4, ["rename/a"])
    assert (found.reviewed, found.collateral, found.blind) == (["conc/storm"], [], ["rename/b"])


def test_kill_elsewhere_only_is_collateral():
    found = row(FAULTY, CLEAN, mutated(link_a="fail"))
    assert (found.outcome, found.collateral) == ("survived", ["link/a"])


def test_break_that_is_not_the_recorded_one_is_a_kill():
    """The check has noticed: without the fault it breaks in another way."""
    found = row(FAULTY, replace(CLEAN, verdicts={**CLEAN.verdicts, "rename/a": "known"}), mutated(rename_a="fail"))
    assert (found.outcome, found.killed_by, found.upset) == ("killed", ["rename/a"], {})


@pytest.mark.parametrize("verdict", ["error", "hang", "crash", "missing"])
def test_other_changes_of_verdict_are_no_kills(verdict):
    found = row(FAULTY, CLEAN, mutated(rename_a=verdict))
    assert (found.outcome, found.upset) == ("survived", {"rename/a": f"pass -> {verdict}"})


def test_failure_without_a_hit_is_no_kill():
    ran = Ran({**CLEAN.verdicts, "rename/a": "fail"})
    assert row(FAULTY, CLEAN, ran).outcome == "not reached"


def test_dead_supervisor_is_an_error():
    ran = Ran({**CLEAN.verdicts, "rename/a": "fail"}, hits={"rename.a": 1}, trouble="the supervisor of mutant m died")
    assert row(FAULTY, CLEAN, ran).outcome == "error"


TREE = Mutant(name="t", fault="lies", kind="notify", families=("rename",), tree="mode")
TOLD = "the tree differs from the reference's: f: the file's mode is 0600 against 0644"


def compared(reason: str, *differing: str) -> Ran:
    verdicts = {**CLEAN.verdicts, "rename/a": "fail"}
    return Ran(verdicts, {"rename/a": reason}, {"rename.a": 1}, differing={"rename/a": frozenset(differing)})


@pytest.mark.parametrize(
    ("ran", "outcome", "noticed", "collateral"),
    [
        (compared(TOLD, "mode"), "killed", ["rename/a"], []),
        (compared(TOLD, "owner"), "survived", [], []),
        (compared("assert 1 == 2", "mode"), "survived", [], ["rename/a"]),
        (Ran(CLEAN.verdicts, hits={"rename.a": 1}), "survived", [], []),
        (Ran(CLEAN.verdicts), "not reached", [], []),
    ],
    ids=["its field", "another field", "the check's own promise", "nothing", "not reached"],
)
def test_fault_of_the_tree_is_noticed_by_the_comparison_alone(ran, outcome, noticed, collateral):
    """In its own field, by a check that kept its promise; a promise that breaks shows that more than the tree lies."""
    found = row(TREE, CLEAN, ran)
    assert (found.outcome, found.noticed, found.collateral, found.killed_by) == (outcome, noticed, collateral, ())


def test_what_differs_without_a_fault_is_not_noticed():
    """A recorded difference of the sound driver proves nothing."""
    sound = replace(CLEAN, differing={"rename/a": frozenset({"mode"})})
    assert row(TREE, sound, compared(TOLD, "mode")).outcome == "survived"


def test_comparison_of_trees_proves_nothing_of_a_check():
    """The check's own promise held, so that another mutant has to break it."""
    matrix = KillMatrix("overlay2", CLEAN, {}, [row(TREE, CLEAN, compared(TOLD, "mode"))])
    assert "rename/a" in matrix.kills.toothless
    assert "1 of 1 mutants killed" in matrix.text()


def test_F62_unstable_checks_are_left_out():
    """A check whose verdict differs without any fault proves nothing of a mutant, and is no kill."""
    identity = Ran({**CLEAN.verdicts, "rename/a": "fail"})
    unstable = disagreements(CLEAN, identity)
    assert unstable == {"rename/a": "pass -> fail"}
    assert row(FAULTY, CLEAN, mutated(rename_a="fail"), unstable).outcome == "survived"
    assert not KillMatrix("d", CLEAN, unstable).sound


def test_matrix_names_checks_that_kill_nothing():
    matrix = KillMatrix("overlay2", CLEAN, {}, [row(FAULTY, CLEAN, mutated(rename_a="fail"))])
    assert matrix.kills.toothless == ["conc/storm", "link/a", "rename/b"]
    assert not matrix.sound
    matrix.excused = dict.fromkeys(matrix.kills.toothless, "nothing breaks it")
    assert matrix.kills.toothless == []
    assert matrix.sound
    assert "1 of 1 mutants killed" in matrix.text()


def test_a_kill_with_one_parameter_proves_nothing_of_another():
    """Each cell is asked; a reason may be given for one cell, or for all of a check's."""
    clean = Ran(dict.fromkeys(("rename/a[lower]", "rename/a[upper]", "rename/b[lower]", "rename/b[upper]"), "pass"))
    ran = Ran({**clean.verdicts, "rename/a[upper]": "fail"}, hits={"rename.a.upper": 1})
    matrix = KillMatrix("overlay2", clean, {}, [row(FAULTY, clean, ran)])
    assert matrix.kills.toothless == ["rename/a[lower]", "rename/b[lower]", "rename/b[upper]"]
    matrix.excused = {"rename/a[lower]": "no layer has it", "rename/b": "nothing breaks it"}
    assert matrix.kills.toothless == []
    assert (
        "Cells that kill nothing (3 of 4):\n  rename/a[lower]\n"
        in KillMatrix("overlay2", clean, {}, matrix.rows).text()
    )


def test_partial_matrix_does_not_complain_of_checks_that_kill_nothing():
    matrix = KillMatrix("overlay2", CLEAN, {}, [row(FAULTY, CLEAN, mutated(rename_a="fail"))], partial=True)
    assert matrix.sound
    assert "kill nothing" not in matrix.text()


def test_matrix_is_read_back(tmp_path):
    matrix = KillMatrix("overlay2", CLEAN, {}, [row(FAULTY, CLEAN, mutated(rename_a="fail", conc_storm="fail"))])
    (tmp_path / "kills.json").write_text(matrix.kills.text())
    read = read_kills(tmp_path / "kills.json")
    assert read == matrix.kills
    assert read.by_check["rename/a"] == ["m"]
    assert read.mutants[0].reviewed == {"conc/storm": "renames"}
    assert read.toothless == ["link/a", "rename/b"]


# --- the run's own end


def armed(tmp_path, ended):
    """A mutant run with a supervisor that has ended, or has not, in a capsule that stands: this very process."""
    made = MutantRun("link-copies")
    process = subprocess.Popen(["true" if ended else "cat"], stdin=subprocess.PIPE)
    if ended:
        process.wait(10)
    capsule = Armed(SimpleNamespace(pid=os.getpid(), runtime=tmp_path), start_time(os.getpid()))
    made._armed.append(capsule)
    made._supervisors.append(Supervisor(process, capsule, tmp_path))
    return made, process


def test_hits_are_counted_by_check(tmp_path):
    made, process = armed(tmp_path, ended=False)
    assert "not reached" in made.conclusion()
    (tmp_path / "hits").write_text("/c/link.a\tlinkat\n/c/link.a/sub\tlinkat\n/c/link.b\tlink\n")
    assert made.hits() == {"link.a": 2, "link.b": 1}
    assert made.facts()["mutant"]["hits"] == 3
    assert made.conclusion() == ""
    process.communicate(timeout=10)


def test_supervisor_may_end_with_its_capsule(tmp_path):
    """The capsule's process number may be another process's by now."""
    made, _ = armed(tmp_path, ended=True)
    made._supervisors = [Supervisor(made._supervisors[0].process, Armed(made._armed[0].capsule, 1), tmp_path)]
    assert made.trouble() == ""


def test_supervisor_that_ends_with_its_capsule_needs_no_dismissal(tmp_path):
    """Nobody listens any more, and the process is not yet gone, when the next mutant takes its place."""
    made, process = armed(tmp_path, ended=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as closed:
        closed.bind(str(tmp_path / "n"))
    made._armed.clear()
    process.terminate()
    made.become("identity")
    assert made.mutant.name == "identity"
    assert process.poll() is not None


@pytest.mark.parametrize(
    ("directory", "check"), [("/c/link.a", "link.a"), ("/c/link.a/sub", "link.a"), ("/volume/c/lock.b.x", "lock.b.x")]
)
def test_check_of_a_directory(directory, check):
    assert check_of(directory) == check


def test_dead_supervisor_stays_noticed(tmp_path):
    (tmp_path / "supervisor.log").write_text("Traceback\nValueError: a mistake\n")
    made, _ = armed(tmp_path, ended=True)
    assert made.trouble() == "the supervisor of mutant link-copies died: ValueError: a mistake"
    made._supervisors.clear()
    assert made.conclusion() == made.trouble() != ""


def test_unknown_mutant_is_refused_before_anything_starts(run):
    done = run("def test_nothing(): pass", "--mutant=apend-overwrites")
    assert (done.code, done.records) == (4, [])
    assert "did you mean 'append-overwrites'?" in done.text


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('families = "rename"', "Expected `array`, got `str` - at `$.mutant[0].families`"),
        ('volumes = "yes"', "Expected `bool`, got `str` - at `$.mutant[0].volumes`"),
        ('familys = ["rename"]', "unknown field `familys` - at `$.mutant[0]`"),
    ],
)
def test_an_entry_of_another_kind_is_refused(entry, said):
    """A word where a list is wanted is no list of its letters, and a misspelt key does not go by unnoticed."""
    text = f'[calls]\n[[mutant]]\nname = "m"\nfault = "lies"\nkind = "notify"\n{entry}\n'
    with pytest.raises(msgspec.ValidationError, match=re.escape(said)):
        msgspec.toml.decode(text, type=Catalogue)
