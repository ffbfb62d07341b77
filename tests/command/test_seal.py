"""Digests of a bundle's files, and a signature over them: what holds, and what is noticed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from roadworthy.command.cli import main
from roadworthy.supplies.packages import needs

ssh = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason=needs("ssh-keygen"))
RECORDED = sorted((Path(__file__).parent / "recorded").glob("*/bundle.jsonl"))[0]


def asked(*words):
    done = CliRunner().invoke(main, list(map(str, words)))
    return done.exit_code, done.output


@pytest.fixture
def bundle(tmp_path):
    """A bundle with a page and raw files."""
    made = tmp_path / "bundle"
    (made / "raw/lane").mkdir(parents=True)
    shutil.copy(RECORDED, made / "bundle.jsonl")
    (made / "raw/lane/a-0001.json.gz").write_bytes(b"samples")
    (made / "index.html").write_text("a page")
    return made


@pytest.fixture
def signers(tmp_path):
    """Two keys, and a file that says whose they are."""
    lines = []
    for name in ("lab", "other"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", tmp_path / name]
        subprocess.run(words, check=True, timeout=30)
        lines.append(f"{name}@example.org {(tmp_path / f'{name}.pub').read_text()}")
    (tmp_path / "signers").write_text("".join(lines))
    return tmp_path / "signers"


def test_digests_are_those_of_sha256sum(bundle):
    """They cover every file, and other tools can compare them."""
    code, said = asked("sign", bundle)
    assert (code, "has the digests of 3 files" in said) == (0, True)
    words = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(words, cwd=bundle, check=True, capture_output=True, timeout=30).stdout.count(b"OK") == 3
    code, said = asked("verify", bundle)
    assert (code, said) == (0, "3 files, 0 not as listed; signature: not asked\n")


def test_every_change_is_named(bundle):
    """A file that was changed, removed or added is not as listed, whatever else holds."""
    asked("sign", bundle)
    (bundle / "raw/lane/a-0001.json.gz").write_bytes(b"Samples")
    (bundle / "index.html").unlink()
    (bundle / "raw/more").write_bytes(b"")
    code, said = asked("verify", bundle, "--json")
    found = json.loads(said)
    assert code == 1
    assert found["differing"] == {
        "raw/lane/a-0001.json.gz": "changed",
        "index.html": "missing",
        "raw/more": "not listed",
    }


def test_a_bundle_without_digests_has_no_answer(bundle):
    assert asked("verify", bundle) == (3, f"{bundle} has no SHA256SUMS: roadworthy sign writes it\n")


@pytest.mark.parametrize("text", ["", "no digest  file\n", "0" * 64 + "  f\n" + "1" * 64 + "  f\n", "\0"], ids=range(4))
def test_a_list_that_cannot_be_read_or_is_empty_is_no_agreement(bundle, text):
    """Nothing is taken for a digest that is none."""
    (bundle / "SHA256SUMS").write_text(text)
    assert asked("verify", bundle)[0] == 1


def test_a_link_is_refused_and_not_followed(bundle, tmp_path):
    """What a bundle holds is regular files; a link could lead to another content when it is read."""
    (tmp_path / "secret").write_text("secret")
    (bundle / "raw/link").symlink_to(tmp_path / "secret")
    code, said = asked("sign", bundle)
    assert code == 1
    assert "raw/link is no regular file" in said


def test_a_users_file_is_not_replaced(bundle):
    """A file of that name that has no digests in it is somebody's."""
    (bundle / "SHA256SUMS").write_text("my notes\n")
    assert asked("sign", bundle)[0] == 1
    assert (bundle / "SHA256SUMS").read_text() == "my notes\n"


@ssh
def test_a_signature_holds_for_its_signer_alone(bundle, signers, tmp_path):
    """It is good for the one who has signed, and for nobody else; another purpose does not count."""
    code, said = asked("sign", bundle, f"--key={tmp_path / 'lab'}")
    assert (code, "SHA256SUMS.sig is a signature over it" in said) == (0, True)
    lab = asked("verify", bundle, f"--signers={signers}", "--signer=lab@example.org")
    assert lab == (0, "3 files, 0 not as listed; signature: good, of lab@example.org\n")
    code, said = asked("verify", bundle, f"--signers={signers}", "--signer=other@example.org")
    assert (code, "signature: refused: " in said) == (1, True)
    (bundle / "SHA256SUMS.sig").unlink()
    words = ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", tmp_path / "lab", bundle / "SHA256SUMS"]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    assert asked("verify", bundle, f"--signers={signers}", "--signer=lab@example.org")[0] == 1


@ssh
def test_a_changed_bundle_with_new_digests_is_not_signed(bundle, signers, tmp_path):
    """Whoever changes a bundle can write new digests, and cannot sign them; no signature stays over other digests."""
    asked("sign", bundle, f"--key={tmp_path / 'lab'}")
    signature = (bundle / "SHA256SUMS.sig").read_bytes()
    (bundle / "index.html").write_text("another page")
    asked("sign", bundle)
    who = [f"--signers={signers}", "--signer=lab@example.org"]
    code, said = asked("verify", bundle, *who)
    assert (code, "signature: there is no SHA256SUMS.sig" in said) == (1, True)
    (bundle / "SHA256SUMS.sig").write_bytes(signature)
    code, said = asked("verify", bundle, *who)
    assert (code, "0 not as listed; signature: refused: " in said) == (1, True)


def test_the_two_options_of_a_signature_go_together(bundle, tmp_path):
    """A file of signers without a name would take anybody's signature."""
    asked("sign", bundle)
    (tmp_path / "signers").write_text("")
    assert asked("verify", bundle, f"--signers={tmp_path / 'signers'}")[0] == 4
    assert asked("verify", bundle, "--signer=lab")[0] == 4
