"""`roadworthy sign` and `roadworthy verify`: whether a bundle is what its run has written, and who says so."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click

from roadworthy.command.answer import Answer, Line, Table, answers, tell
from roadworthy.command.exits import FOUND, NO_ANSWER
from roadworthy.programs import ENVIRONMENT, ProgramFailed, run, tied
from roadworthy.reports.made import NotOurs
from roadworthy.reports.sums import SIGNATURE, SUMS, SumsRefused, differences, read_sums, sums_of, write_sums
from roadworthy.reports.text import counted, visible
from roadworthy.supplies.packages import needs

#: What a signature is for, see the NAMESPACE of ssh-keygen(1): one for another purpose does not count.
NAMESPACE = "roadworthy"
BUNDLE = click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.command()
@BUNDLE
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="An SSH key to sign with.")
def sign(bundle: Path, key: Path | None) -> None:
    """Write the SHA-256 digests of a bundle's files into it, and with --key a signature over them.

    `sha256sum --check SHA256SUMS` compares them, too. The signature is SSH's (ssh-keygen -Y sign, for the namespace
    roadworthy), with a key of a file or, if that is a public key, of the agent.
    """
    if key is not None:
        refuse_without_ssh()
    try:
        found = write_sums(bundle)
        (bundle / SIGNATURE).unlink(missing_ok=True)  # it was over other digests
        if key is not None:
            run(["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", key, bundle / SUMS])
    except (SumsRefused, NotOurs, OSError, ProgramFailed) as reason:
        raise click.ClickException(visible(str(reason))) from None
    signed = f"; {SIGNATURE} is a signature over it" if key else ""
    click.echo(f"{bundle / SUMS} has the digests of {counted(len(found), 'file')}{signed}")


@click.command()
@BUNDLE
@click.option(
    "--signers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Who may sign: a file of keys as ssh-keygen(1) describes it below ALLOWED SIGNERS.",
)
@click.option("--signer", help="Who has to have signed, as the file names them.")
@answers
def verify(bundle: Path, signers: Path | None, signer: str | None, form: str | None) -> None:
    """Compare a bundle's files with the digests in it, and with --signers and --signer the signature over them.

    Without those two the signature is not looked at: whoever can write a bundle can write its digests.
    """
    if (signers is None) is not (signer is None):
        raise click.UsageError("--signers and --signer go together: a file of keys, and whose key it has to be")
    if not (bundle / SUMS).exists():
        click.echo(f"{bundle} has no {SUMS}: roadworthy sign writes it", err=True)
        raise click.exceptions.Exit(NO_ANSWER)
    try:
        known = read_sums(bundle / SUMS)
        apart = differences(known, sums_of(bundle))
    except (SumsRefused, OSError) as reason:
        raise click.ClickException(visible(str(reason))) from None
    signed = "not asked" if signers is None or signer is None else signature(bundle, signers, signer)
    said = f"{counted(len(known), 'file')}, {len(apart)} not as listed; signature: {signed}"
    data = {"files": len(known), "differing": dict(apart), "signature": signed}
    tell(Answer(data, [Table(("file", "what"), [(visible(name), what) for name, what in apart]), Line(said)]), form)
    if apart or not signed.startswith(("not asked", "good")):
        raise click.exceptions.Exit(FOUND)


def signature(bundle: Path, signers: Path, signer: str) -> str:
    """What ssh-keygen says of the signature over a bundle's digests: `good`, or why it is not."""
    refuse_without_ssh()
    if not (bundle / SIGNATURE).is_file():
        return f"there is no {SIGNATURE}"
    words = ["ssh-keygen", "-Y", "verify", "-n", NAMESPACE, "-f", str(signers), "-I", signer]
    words += ["-s", str(bundle / SIGNATURE)]
    with (bundle / SUMS).open("rb") as digests:
        done = subprocess.run(
            tied(words), stdin=digests, capture_output=True, text=True, errors="replace", timeout=60, env=ENVIRONMENT,
            check=False,
        )  # fmt: skip
    return f"good, of {signer}" if done.returncode == 0 else visible(f"refused: {(done.stderr or done.stdout).strip()}")


def refuse_without_ssh() -> None:
    if not shutil.which("ssh-keygen", path=ENVIRONMENT["PATH"]):
        raise click.UsageError(needs("ssh-keygen"))
