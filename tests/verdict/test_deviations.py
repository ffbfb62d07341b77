"""Recorded deviations: when they apply, and what is refused, with file and line."""

import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadworthy.drivers import DRIVERS, Driver
from roadworthy.engine_name import EngineName
from roadworthy.extending.distributions import Added, ExtensionError
from roadworthy.lane.lanes import Lane
from roadworthy.lane.stand import Stand
from roadworthy.reports.records import Observation
from roadworthy.verdict import deviations as deviations_module
from roadworthy.verdict.deviations import DeviationError, Facts, load, load_all, parameters
from roadworthy.versions import in_range, version

KNOWN = ("rename/merged-directory", "rename/target[file]", "rename/target[symlink]", "link/count")
GOOD = """
    ["rename/merged-directory"]
    when = { driver = ["overlay", "overlay2"], redirect_dir = "off" }
    signature = "an EXDEV"
    why = "no redirect"
    source = "a document"
"""


@pytest.fixture
def recorded(tmp_path):
    """Read deviations from a file `sample.toml`."""
    directory = tmp_path / "conformance/deviations"
    directory.mkdir(parents=True)

    def recorded(text, checks=KNOWN):
        (directory / "sample.toml").write_text(textwrap.dedent(text))
        return load(directory, checks)

    return recorded


def facts(**other):
    found = {
        "driver": "overlay2", "built_on": "overlayfs", "backing": "ext4", "engine": "docker",
        "engine_version": (20, 10, 24), "kernel_version": (6, 1, 0), "provenance": "lower",
        "parameters": parameters({"redirect_dir": "N"}),
    }  # fmt: skip
    return Facts(**{**found, **other})


def test_an_entry_applies_on_lanes_with_its_conditions(recorded):
    """An entry speaks of its check where all of its conditions hold, and nowhere else."""
    found = recorded(GOOD)
    check = "rename/merged-directory"
    assert found.find(check, facts()).signature == "an EXDEV"
    assert found.find(check, facts(driver="overlay")) is not None
    assert found.find(check, facts(driver="vfs")) is None
    assert found.find(check, facts(parameters=parameters({"redirect_dir": "Y"}))) is None
    assert found.find(check, facts(parameters=parameters({}))) is None
    assert found.find("link/count", facts()) is None


def test_an_entry_of_a_tree_speaks_of_no_failure(recorded):
    """And one that says nothing of trees and races is of neither."""
    plain = GOOD.replace('["rename/merged-directory"]', '[["rename/merged-directory"]]')
    found = recorded(plain + plain.replace('"an EXDEV"', '"ficlone(…): ENOTSUP against success"\n    tree = true'))
    check = "rename/merged-directory"
    plain, of_tree = found.find(check, facts()), found.of_tree(check, facts())
    assert (plain.signature, plain.tree, plain.race) == ("an EXDEV", False, False)
    assert [(entry.signature, entry.tree) for entry in of_tree] == [("ficlone(…): ENOTSUP against success", True)]
    assert found.of_tree(check, facts(driver="vfs")) == []


def test_entries_of_other_distributions_stand_beside_our_own(tmp_path, monkeypatch):
    """With ours alone if there are none, and refused with the name of who is to mend them."""
    ours, theirs = tmp_path / "ours/deviations", tmp_path / "their_checks/deviations"
    for place in (ours, theirs):
        place.mkdir(parents=True)
    (ours / "own.toml").write_text(textwrap.dedent(GOOD))
    (theirs / "more.toml").write_text(textwrap.dedent(GOOD).replace("rename/merged-directory", "theirs/check"))
    (tmp_path / "their_checks/__init__.py").touch()
    (theirs / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    packages = {}
    monkeypatch.setattr(deviations_module, "added", lambda group: packages.get(group, []))
    assert [entry.check for entry in load_all(ours).entries] == ["rename/merged-directory"]
    packages["checks"] = [Added("checks", "theirs", "their_checks", "theirs 1.0")]
    packages["deviations"] = [Added("deviations", "theirs", "their_checks.deviations", "theirs 1.0")]
    found = load_all(ours)
    assert [entry.check for entry in found.entries] == ["rename/merged-directory", "theirs/check"]
    assert found.find("theirs/check", facts()).file == "their_checks/deviations/more.toml"
    (theirs / "more.toml").write_text("no TOML")
    with pytest.raises(ExtensionError, match=r"theirs 1\.0.*mend that distribution"):
        load_all(ours)


def test_an_entry_without_a_header_of_its_own_has_a_line_all_the_same(recorded):
    """Of entries in one list, that of the list; of an id that is written with an escape, the first of the file."""
    row = '{ when = { driver = "vfs" }, signature = "an EXDEV", why = "y", source = "z" }'
    found = recorded(f'# more\n"rename/merged-directory" = [{row}, {row.replace("vfs", "zfs")}]')
    assert [entry.line for entry in found.entries] == [2, 2]
    (entry,) = recorded(f'"rename\\u002fmerged-directory" = {row}\n# more').entries
    assert (entry.check, entry.line) == ("rename/merged-directory", 1)


def test_an_entry_knows_where_it_stands(recorded):
    """An entry has its file, whatever machine that lies on, and its line, for whoever has to remove it."""
    found = recorded("\n\n" + GOOD).find("rename/merged-directory", facts())
    assert (found.file, found.line) == ("conformance/deviations/sample.toml", 4)
    assert found.record().file == found.file


def test_an_entry_without_a_case_speaks_of_every_case(recorded):
    """An id without its case stands for all cases, an id with a case for that one."""
    whole = recorded(GOOD.replace("rename/merged-directory", "rename/target"))
    assert whole.find("rename/target[file]", facts()) is not None
    one = recorded(GOOD.replace("rename/merged-directory", "rename/target[file]"))
    assert one.find("rename/target[file]", facts()) is not None
    assert one.find("rename/target[directory]", facts()) is None


def test_an_entry_may_name_several_cases(recorded):
    """`cases` makes one entry speak of these cases of its check, and of no other."""
    listed = GOOD.replace("rename/merged-directory", "rename/target") + '    cases = ["file", "symlink"]\n'
    found = recorded(listed)
    assert all(found.find(f"rename/target[{case}]", facts()) for case in ("file", "symlink"))
    assert found.find("rename/target[directory]", facts()) is None


@pytest.mark.parametrize("cases", ['"file"', "[]", "[1]"])
def test_cases_are_a_list_of_names(recorded, cases):
    """Anything else is refused, with the line."""
    with pytest.raises(DeviationError, match=r"sample\.toml:2: rename/target: cases is a list"):
        recorded(GOOD.replace("rename/merged-directory", "rename/target") + f"    cases = {cases}\n")


def test_an_option_of_a_lane_is_a_condition(recorded):
    """containerd's sync_fs decides what a power cut takes, so that an entry may ask for it."""
    when = 'driver = ["overlay", "overlay2"], redirect_dir = "off"'
    found = recorded(GOOD.replace(when, 'driver = "overlay2", sync_fs = "absent"'))
    assert found.find("rename/merged-directory", facts()) is not None
    assert found.find("rename/merged-directory", facts(parameters={"sync_fs": "true"})) is None
    with pytest.raises(DeviationError, match="'sync_fs' takes true or absent, not 'yes'"):
        recorded(GOOD.replace(when, 'driver = "overlay2", sync_fs = "yes"'))
    with pytest.raises(DeviationError, match=r"'overlay\.mountopt' takes volatile or absent, not 'nodev'"):
        recorded(GOOD.replace(when, '"overlay.mountopt" = "nodev"'))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('kernel = ">=6.1" }\nseen = ["linux 6.1"]', True),
        ('kernel = ">=6.1, <6.6" }\nseen = ["linux 6.1"]', True),
        ('kernel = "<6.1" }\nseen = ["linux 5.10"]', False),
        ('kernel = ["<5.10", ">6.0"] }\nseen = ["linux 5.4"]', True),
        ('engine = "docker"', True),
        ('engine = "docker <23" }\nseen = ["docker 20.10"]', True),
        ('engine = ["docker >=23"] }\nseen = ["docker 26.1"]', False),
        ('backing = ["xfs", "btrfs"]', False),
        ('built_on = "overlayfs"', True),
        ('built_on = ["aufs", "fuse-overlayfs"]', False),
        ('provenance = "lower"', True),
        ('provenance = ["upper", "volume"]', False),
        ('xino_auto = "absent"', True),
        ('redirect_always_follow = ["on", "absent"]', True),
        ('redirect_dir = "off"', True),
    ],
)
def test_a_condition_holds_or_not(recorded, condition, holds):
    """Each kind of condition is asked of the lane's facts."""
    # a range comes with the releases that it was seen on, behind the condition
    old, new = (f"{OFF} }}", condition) if "seen" in condition else (OFF, condition)
    found = recorded(GOOD.replace(old, new))
    assert (found.find("rename/merged-directory", facts()) is not None) is holds


class OtherOverlay(Driver):
    """A driver that nobody has recorded anything of."""

    name = "other:overlay"
    backings = ("ext4",)
    built_on = "overlayfs"


def said_of(driver):
    """What the suite has recorded of files of the image on a lane with this driver, because of the driver."""
    stand = SimpleNamespace(
        lane=Lane(driver, "ext4", EngineName("docker", "20.10"), "linux6.1"), engine=SimpleNamespace(name="docker"),
        machine=SimpleNamespace(upstream="6.1"), server_version="",
        running=SimpleNamespace(
            engine_said={"Version": "20.10.24"},
            overlay_parameters=parameters(dict.fromkeys(("redirect_dir", "metacopy", "index", "nfs_export"), "N")),
        ),
    )  # fmt: skip
    lower = Stand.deviation_facts(stand, "lower")
    entries = load(Path(__file__).parents[2] / "conformance/deviations").entries
    return [entry for entry in entries if {"driver", "built_on"} & set(entry.when) and entry.applies(lower)]


def test_a_new_driver_inherits_what_it_is_built_on():
    """What is recorded of overlayfs speaks of a driver that lays its layers with it, without any edit."""
    inherited = [entry for entry in said_of(DRIVERS["overlay2"]) if "built_on" in entry.when]
    assert len(inherited) > 30
    assert said_of(OtherOverlay()) == inherited
    assert not any("built_on" in entry.when for entry in said_of(DRIVERS["btrfs"]))


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_driver_says_what_it_is_built_on(driver):
    """Whose containers have overlayfs for a root is built on it, and nobody else."""
    assert (driver.built_on == "overlayfs") == (driver.root_file_system == "overlay")


@pytest.mark.parametrize(
    ("text", "found", "inside"),
    [
        ("", (), True),
        ("", (6, 1), True),
        (">=6.1", (6, 1, 0), True),
        (">6.1", (6, 1, 9), False),
        ("<6.6", (6, 6, 1), False),
        ("<=6.6", (6, 6, 99), True),
        ("=6.1", (6, 1, 55), True),
        ("=6", (6, 18), True),
        (">=5.10,<6.6", (5, 9), False),
        (">=5.10,<6.6", (5, 10), True),
        (">= 20.10", (20, 10, 24), True),
        (">=6.10", (6, 9), False),
    ],
)
def test_a_range_holds_versions(text, found, inside):
    """Versions are compared by number, to the precision of the bound."""
    assert in_range(text, found) is inside


@pytest.mark.parametrize("text", ["6.1", "~6.1", ">=", ">=six", ">=6.1 <7", "!=6.1"])
def test_what_is_no_range_is_refused(text):
    """A word that is no comparison with a version is refused with an example."""
    with pytest.raises(ValueError, match=r"is not a version range; write >=5.10"):
        in_range(text, (6, 1))


def test_a_version_is_its_leading_numbers():
    """What distributions append to a version does not count."""
    assert version("6.1.0-50-amd64") == (6, 1, 0)
    assert version("20.10.24+dfsg1") == (20, 10, 24)
    assert version("unknown") == ()


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


WHEN = 'when = { driver = ["overlay", "overlay2"], redirect_dir = "off" }'
OFF = 'redirect_dir = "off"'
REFUSED = {
    # what is changed in the good entry, into what, and what is said of it
    "unknown check": ("merged-dir", "merged-dri", "no check has this id; did you mean 'rename/merged-directory'"),
    "unknown key": ("why =", "whi =", "unknown key 'whi'; did you mean 'why'"),
    "no signature": ('signature = "an EXDEV"', "", "has no signature"),
    "empty signature": ('"an EXDEV"', '"  "', "has no signature"),
    "no reason": ('why = "no redirect"', "", "has no why"),
    "no source": ('source = "a document"', "", "has no source"),
    "source is no text": ('source = "a document"', "source = 5", "has no source"),
    "no condition": (WHEN, "", "has no condition"),
    "empty condition": (WHEN, "when = {}", "has no condition"),
    "empty list": ('["overlay", "overlay2"]', "[]", "condition 'driver' takes a text or a list of texts"),
    "condition is a number": ('"off"', "5", "condition 'redirect_dir' takes a text or a list of texts"),
    "unknown condition": (
        "redirect_dir",
        "redirect_dri",
        "unknown condition 'redirect_dri'; did you mean 'redirect_dir'",
    ),
    "unknown driver": ('"overlay2"', '"overlya2"', "unknown driver 'overlya2'; did you mean 'overlay2'"),
    "unknown backing": (OFF, 'backing = "ext5"', "unknown backing 'ext5'; did you mean 'ext4'"),
    "unknown file system": (OFF, 'built_on = "ovrelayfs"', "unknown built_on 'ovrelayfs'; did you mean 'overlayfs'"),
    "unknown provenance": (OFF, 'provenance = "uper"', "unknown provenance 'uper'; did you mean 'upper'"),
    "unknown setting": ('"off"', '"no"', "redirect_dir is on, off or absent, not 'no'"),
    "a setting that is a number": (OFF, 'redirect_max = "256"', "unknown condition 'redirect_max'"),
    "bad kernel range": (OFF, 'kernel = "6.1"', "'6.1' is not a version range"),
    "bad engine range": (OFF, 'engine = "docker 20.10"', "'20.10' is not a version range"),
    "unknown engine": (OFF, 'engine = "docker-20.10"', "unknown engine 'docker-20.10'; did you mean 'docker'"),
    "empty engine": (OFF, 'engine = ""', "unknown engine ''"),
    "race is no truth": ('source = "a document"', 'source = "a"\nrace = "yes"', "race is true or false, not 'yes'"),
    "race of a tree": ('source = "a document"', 'source = "a"\nrace = true\ntree = true', "say tree or race"),
    "a key of former times": ('source = "a document"', 'source = "a"\nreview = 2027-05-01', "unknown key 'review'"),
    "signature is no text": ('"an EXDEV"', "5", "has no signature"),
    "signature is no text beside observed": (
        'signature = "an EXDEV"',
        'signature = 5\nobserved = { "x" = "y" }',
        "signature is a text, not 5",
    ),
    "observed is no table": ('signature = "an EXDEV"', 'observed = "same"', "observed is a table such as"),
    "an open end": (
        'signature = "an EXDEV"',
        'observed = { "x" = { at_least = "1" } }',
        "needs at_least and at_most",
    ),
    "observed of a tree": (
        'signature = "an EXDEV"',
        'tree = true\nobserved = { "x" = "y" }',
        "say tree or observed",
    ),
    "it restates the assertion": ('"an EXDEV"', '"== 2"', "'== 2' would fit any break: it holds what was promised"),
    "it names a field of a tree": (
        'signature = "an EXDEV"',
        'tree = true\nsignature = "the file\'s mtime is"',
        "it is no name, no field and no call",
    ),
    "a range that nobody saw": (OFF, 'kernel = "<6.6"', "needs the releases that it was seen on"),
    "an engine's range that nobody saw": (OFF, 'engine = "docker >=23"', "needs the releases that it was seen on"),
    "seen without a range": ('source = "a document"', 'source = "a"\nseen = ["linux 6.1"]', "of which no range is"),
    "seen outside": (
        f"{OFF} }}",
        'kernel = "<6.6" }\nseen = ["linux 6.12"]',
        "seen names linux 6.12, which <6.6 leaves",
    ),
    "gone inside": (
        f"{OFF} }}",
        'kernel = "<6.6" }\nseen = ["linux 6.1"]\ngone = ["linux 6.5"]',
        "gone names linux 6.5, which <6.6 has",
    ),
    "seen on something": (f"{OFF} }}", 'kernel = "<6.6" }\nseen = ["linx 6.1"]', "did you mean 'linux'"),
    "seen is a text": (f"{OFF} }}", 'kernel = "<6.6" }\nseen = "linux 6.1"', "seen is a list of releases"),
    "not a table": (GOOD, '\n"rename/merged-directory" = "an EXDEV"', "an entry is a table"),
}


@pytest.mark.parametrize(("old", "new", "reason"), REFUSED.values(), ids=REFUSED)
def test_F47_an_entry_that_cannot_be_used_is_refused_with_its_place(recorded, tmp_path, old, new, reason):
    """A refusal begins with file and line, names the check, and says what is wrong and what is near."""
    with pytest.raises(DeviationError) as refused:
        recorded(changed(old, new))
    assert str(refused.value).startswith(f"{tmp_path}/conformance/deviations/sample.toml:2: rename/merged-d")
    assert reason in str(refused.value)


@pytest.mark.parametrize("text", [changed("why =", "whi ="), GOOD + "this is no TOML\n"])
def test_a_file_below_the_current_directory_is_named_from_there(recorded, tmp_path, monkeypatch, text):
    """A refusal names the file so that whoever reads it can open it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeviationError, match=r"^conformance/deviations/sample.toml:\d: "):
        recorded(text)
    monkeypatch.chdir(tmp_path / "conformance/deviations")
    with pytest.raises(DeviationError, match=r"^sample.toml:\d: "):
        recorded(text)


@pytest.mark.parametrize("quotes", ['"', "'"])
def test_a_later_entry_is_refused_with_its_own_line(recorded, quotes):
    """The line is that of the entry at fault, however its id is quoted."""
    later = changed("rename/merged-directory", "link/cuont").replace('["link/cuont"]', f"[{quotes}link/cuont{quotes}]")
    with pytest.raises(
        DeviationError, match=r"sample.toml:8: link/cuont: no check has this id; did you mean 'link/count'"
    ):
        recorded(GOOD + later)


def test_of_several_entries_for_a_check_the_one_at_fault_is_named(recorded):
    """A check may have several entries; each has its own line."""
    table = GOOD.replace('["rename/merged-directory"]', '[["rename/merged-directory"]]')
    with pytest.raises(DeviationError, match=r"sample.toml:8: "):
        recorded(table + table.replace('"overlay2"', '"nothing"'))


def test_broken_toml_is_refused_with_its_line(recorded, tmp_path):
    """A file that is no TOML is refused with the line at which reading stopped."""
    with pytest.raises(DeviationError) as refused:
        recorded(GOOD + "this is no TOML\n")
    assert str(refused.value).startswith(f"{tmp_path}/conformance/deviations/sample.toml:7: ")


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path):
    """A file that is not UTF-8 is refused by its name."""
    (tmp_path / "sample.toml").write_bytes(b'["a"]\nwhy = "\xff"\n')
    with pytest.raises(DeviationError, match=r"sample.toml"):
        load(tmp_path)


def test_ids_are_not_compared_where_none_are_given(recorded):
    """Without a list of checks, as in a run of a part of them, no id is refused."""
    assert len(recorded(changed("merged-directory", "unheard-of"), checks=()).entries) == 1


def test_two_entries_for_one_lane_are_refused_with_both_places(recorded):
    """Two entries that speak of one check on one lane contradict each other."""
    table = GOOD.replace('["rename/merged-directory"]', '[["rename/merged-directory"]]')
    found = recorded(table + table)
    with pytest.raises(DeviationError, match=r"sample.toml:2 and .*sample.toml:8: both speak of"):
        found.find("rename/merged-directory", facts())


def test_no_directory_is_no_deviation(tmp_path):
    """Where nothing is recorded there is nothing to find."""
    assert load(tmp_path / "nowhere").entries == ()


def test_a_record_tells_the_condition_as_written(recorded):
    """The bundle's record of an entry has its condition in words."""
    record = recorded(GOOD).entries[0].record()
    assert record.when == "driver = overlay or overlay2; redirect_dir = off"
    assert (record.signature, record.why, record.source, record.line) == (
        "an EXDEV",
        "no redirect",
        "a document",
        2,
    )


def test_a_record_tells_on_which_releases_it_was_seen(recorded):
    """A bound between two releases that were tried is the source's word, and says so."""
    when = 'kernel = "<6.8" }\nseen = ["linux 5.10", "linux 6.1"]\ngone = ["linux 6.12"]'
    record = recorded(GOOD.replace(f"{OFF} }}", when)).entries[0].record()
    assert record.when == (
        "driver = overlay or overlay2; kernel = <6.8; seen on linux 5.10, linux 6.1; gone on linux 6.12; "
        "that the bound lies just there is the source's word"
    )
    record = recorded(GOOD.replace(f"{OFF} }}", when.partition("\ngone")[0])).entries[0].record()
    assert record.when.endswith("seen on linux 5.10, linux 6.1; not tried beyond the bound")


def test_a_break_is_known_by_what_the_check_saw(recorded):
    """An entry may hold values that the check observes in place of a text, or beside it; all have to be so."""
    bounds = '"size" = { at_least = "16.0 MiB", at_most = "16.9 MiB" }'
    entry = recorded(GOOD.replace('signature = "an EXDEV"', f"observed = {{ {bounds} }}")).entries[0]
    assert entry.matches("assert 5 == 6", [Observation("size", "16.1 MiB")])
    assert not entry.matches("assert 5 == 6", [Observation("size", "48.1 MiB")])
    assert not entry.matches("assert 5 == 6")
    assert entry.record().signature == "size: 16.0 MiB to 16.9 MiB"
    both = recorded(GOOD.replace('"an EXDEV"', f'"an EXDEV"\nobserved = {{ {bounds} }}')).entries[0]
    assert both.matches("refused with an EXDEV", [Observation("size", "16.1 MiB")])
    assert not both.matches("refused with EIO", [Observation("size", "16.1 MiB")])
    assert both.record().signature == "an EXDEV; size: 16.0 MiB to 16.9 MiB"


@pytest.fixture
def checked(tmp_path):
    """Write the checks of a file, beside the deviations that are `recorded`."""

    def checked(text):
        file = tmp_path / "conformance/posix/test_link.py"
        file.parent.mkdir(parents=True)
        file.write_text(text)

    return checked


def test_an_entry_is_held_against_the_source_of_its_check(recorded, checked):
    """What every failure of the check's assertions shows, and what it never observes, is refused."""
    checked(
        '@check("link/count", source="x")\n'
        'def test_count(fs, observe):\n    """Text."""\n'
        '    links = observe("links", fs.stat("f").nlink)\n'
        '    assert links == 2, f"the file has {links} links"\n'
        '    observe("owner", fs.stat("f").uid)\n'
        '    assert fs.load("f") == b"data"\n'
    )
    good = GOOD.replace("rename/merged-directory", "link/count")
    assert recorded(good.replace("an EXDEV", "the file has 5 links")).entries
    with pytest.raises(
        DeviationError, match=r"sample.toml:2: .*every failure of an assertion .*: the file has  …  links"
    ):
        recorded(good.replace("an EXDEV", "the file has"))
    assert recorded(good.replace('signature = "an EXDEV"', 'observed = { "links" = "5" }')).entries
    with pytest.raises(DeviationError, match="the check observes no 'lnks'; did you mean 'links'"):
        recorded(good.replace('signature = "an EXDEV"', 'observed = { "lnks" = "5" }'))
    with pytest.raises(DeviationError, match="no assertion of the check uses what 'owner' shows"):
        recorded(good.replace('signature = "an EXDEV"', 'observed = { "owner" = "5" }'))


def test_what_was_seen_excuses_the_assertion_that_it_decides(recorded, checked):
    """Where two assertions of a check fail for two reasons, what the one saw is no reason for the other."""
    checked(
        '@check("link/count", source="x")\n'
        'def test_count(fs, observe):\n    """Text."""\n'
        '    links = observe("links", fs.stat("f").nlink)\n'
        '    assert fs.load("f") == b"data"\n'
        "    assert links == 2\n"
    )
    text = GOOD.replace("rename/merged-directory", "link/count")
    entry = recorded(text.replace('signature = "an EXDEV"', 'observed = { "links" = "5" }')).entries[0]
    seen = [Observation("links", "5")]
    assert entry.matches("assert 5 == 2", seen)
    assert not entry.matches("assert b'lost' == b'data'", seen)
    assert not entry.matches("load('f') was refused with EIO", seen)


def test_a_failure_that_two_assertions_show_needs_what_both_saw(recorded, checked):
    """A tree that lost files fails with the same line as one whose times are others."""
    checked(
        '@check("link/count", source="x")\n'
        'def test_count(fs, observe):\n    """Text."""\n'
        "    lost, moved = fs.compared()\n"
        '    observe("differences", lost)\n'
        '    observe("times", moved)\n'
        "    assert lost == []\n"
        "    assert moved == []\n"
    )
    text = GOOD.replace("rename/merged-directory", "link/count")
    with pytest.raises(DeviationError, match=r"another assertion of the check, too, fails with assert … == \[\]"):
        recorded(text.replace('signature = "an EXDEV"', 'observed = { "times" = "later" }'))
    both = recorded(text.replace('signature = "an EXDEV"', 'observed = { "times" = "later", "differences" = "none" }'))
    moved = [Observation("differences", "none"), Observation("times", "later")]
    assert both.entries[0].matches("assert ['d is later'] == []", moved)
    assert not both.entries[0].matches(
        "assert ['f is gone'] == []", [Observation("differences", "f is gone"), moved[1]]
    )


SERVED = """
["rename/merged-directory"]
when = { driver = "fuse-overlayfs", server = ">=1.14" }
seen = ["fuse-overlayfs 1.14"]
gone = ["fuse-overlayfs 1.10"]
signature = "an EXDEV"
why = "a reason"
source = "a source"
"""


def test_an_entry_of_the_servers_versions(recorded):
    """An entry with a range of fuse-overlayfs' versions speaks of lanes whose layers such a version merges, only."""
    found = recorded(SERVED)
    served = {"driver": "fuse-overlayfs", "built_on": "fuse-overlayfs"}
    assert found.find("rename/merged-directory", facts(**served, server_version=(1, 14))) is not None
    assert found.find("rename/merged-directory", facts(**served, server_version=(1, 10))) is None
    assert found.find("rename/merged-directory", facts(**served)) is None


@pytest.mark.parametrize(
    ("said", "instead", "told"),
    [
        ('seen = ["fuse-overlayfs 1.14"]', "", "servers needs the releases"),
        ('seen = ["fuse-overlayfs 1.14"]', 'seen = ["fuse-overlayfs 1.10"]', "which >=1.14 leaves out"),
        (">=1.14", "1.14", "not a version range"),
    ],
)
def test_a_range_of_the_servers_versions_is_checked(recorded, said, instead, told):
    """A range that says no release, contradicts the releases that were seen, or is none, is refused."""
    with pytest.raises(DeviationError, match=told):
        recorded(SERVED.replace(said, instead))
