"""`roadworthy explain`: promises, verdicts and deviations of checks, and error texts."""

import json
import re

import pytest
from asked import DRIVERS, KERNELS, ask, stand


def explained(*words):
    return ask("explain", *words, f"--bundle={DRIVERS}")


def test_a_check_has_its_promise_its_verdicts_and_its_deviations():
    """All lanes of the run are in the table, each deviation has condition, reason, source and what to turn."""
    done = explained("rename/merged-dir")
    assert done.exit_code == 0
    for said in (
        "promise  A directory with old and new files in it can be renamed.",
        "POSIX.1-2017, rename()", "conformance/posix/test_rename.py:",
        "built_on = overlayfs; redirect_dir = off or absent; metacopy = off or absent",
        "redirect_dir=on, a parameter of the module overlay (--kernel-opt=overlay.redirect_dir=on)",
        "none: it applies to this driver however it is set up",
        "Linux Documentation/filesystems/overlayfs.rst, renaming directories",
    ):  # fmt: skip
        assert said in done.stdout
    verdicts = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if "-docker20.10-" in line}
    assert verdicts["native-ext4-docker20.10-linux6.18"] == "pass"
    assert verdicts["btrfs-btrfs-docker20.10-linux6.18"] == "pass"
    assert verdicts["fuse-overlayfs-ext4-docker20.10-linux6.18"] == "known"


@pytest.mark.parametrize("named", ["overlay2", "overlay2-ext4", "overlay2-ext4-docker20.10-linux6.18"])
def test_a_cell_has_its_system_calls_and_its_own_deviation_only(named):
    """A lane is named by its driver, by its id, or by the beginning of that."""
    done = explained(f"{named}/rename/merged-dir")
    assert '    A  rename("old", "new") = -1 EXDEV (Invalid cross-device link)' in done.stdout
    assert "verdict     known" in done.stdout
    assert done.stdout.count("recorded deviation\n") == 1
    again = re.search(r"again +(pytest (?:--\w+=\w+ ){4}\\)\n +(\S+)\n", done.stdout)
    assert again[1] == "pytest --driver=overlay2 --backing=ext4 --engine=host --kernel=host \\"
    assert again[2].startswith("conformance/posix/test_rename.py::test_")


def test_a_case_is_explained_alone():
    done = explained("fuse-overlayfs/open/o-tmpfile[upper]", "--json")
    found = json.loads(done.stdout)
    assert [cell["check"] for cell in found["cells"]] == ["open/o-tmpfile[upper]"]
    assert found["cells"][0]["verdict"] == "known"
    assert found["deviations"][0]["entry"].startswith("conformance/deviations/open.toml:")


def test_the_newest_run_here_is_taken(tmp_path, monkeypatch):
    """Without --bundle it is the one below bundles/ that was written last; without any, that is said."""
    monkeypatch.chdir(tmp_path)
    assert "no recorded results here; ask for it with: pytest --driver=overlay2" in ask(
        "explain", "copyup/fileattr-flags-kept"
    ).stdout  # fmt: skip
    stand(tmp_path, DRIVERS, KERNELS)
    done = ask("explain", "copyup/fileattr-flags-kept")
    assert "overlay2-ext4-docker20.10-linux5.10        known    lost" in done.stdout
    assert "fuse-overlayfs-ext4-docker20.10" not in done.stdout


@pytest.mark.parametrize("form", ["--json", "--markdown"])
def test_a_program_gets_what_a_reader_gets(form):
    said = explained("overlay2/rename/merged-dir", form).stdout
    for word in ("EXDEV", "redirect_dir", "known", "overlayfs.rst"):
        assert word in said.replace("\\", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rename/mergd-dir"], "did you mean 'rename/merged-dir'?"),
        (["overlay3/rename/merged-dir"], "no recorded lane 'overlay3'; did you mean 'overlay2'"),
        (["rename/merged-dir", "--json", "--bundle=/nowhere"], "does not exist"),
        ([], "Missing argument"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest_word(words, said):
    done = explained(*words)
    assert done.exit_code == 4
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('level=error msg="failed to mount overlay: invalid argument" storage-driver=overlay2', "the data root"),
        ("mv: cannot move 'a' to 'b': Invalid cross-device link", "redirect_dir=on"),
        ("overlayfs: conflicting options: metacopy=on,redirect_dir=nofollow", "say redirect_dir=on"),
        ("in-use as upperdir", "two daemons on one data root"),
    ],
)
def test_an_error_text_is_explained(text, said):
    """As a log has it, with what varies filled in, or a part of it."""
    done = explained(text)
    assert done.exit_code == 0
    assert said in done.stdout
    assert "source" in done.stdout


def test_several_messages_of_one_line_are_all_explained():
    """The longest first."""
    text = "failed to mount overlay: invalid argument … error initializing graphdriver: driver not supported"
    found = json.loads(explained(text, "--json").stdout)
    assert [one["text"] for one in found["messages"]] == [
        "failed to mount overlay: invalid argument", "driver not supported",
    ]  # fmt: skip


def test_an_unknown_text_has_no_answer():
    done = explained("the printer is on fire")
    assert (done.exit_code, "this text is not known" in done.stdout) == (3, True)
