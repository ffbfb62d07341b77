"""The command `roadworthy merge`."""

from __future__ import annotations

from pathlib import Path

import click

from roadworthy.command.mistakes import runs_in
from roadworthy.reports.bundle import FILE_NAME, BundleRefused, read_bundle
from roadworthy.reports.made import NotOurs, make_directory, marked, replace_file
from roadworthy.reports.merging import merged_text
from roadworthy.reports.published import published
from roadworthy.reports.redaction import Redaction
from roadworthy.reports.text import counted


@click.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output", required=True, type=click.Path(file_okay=False, path_type=Path),
    help="The directory of the bundle to write: a new one, or that of an earlier merge.",
)  # fmt: skip
@click.option("--allow-truncated", is_flag=True, help="Take bundles that were cut short; the merged one says so.")
@click.option(
    "--published", "public", is_flag=True, help="Keep only what a page would publish, see docs/reading-the-matrix.md."
)
@click.option("--redact", multiple=True, metavar="TEXT", help="With --published: a name to hide; repeatable.")
def merge(
    bundles: tuple[Path, ...], output: Path, allow_truncated: bool, public: bool, redact: tuple[str, ...]
) -> None:  # fmt: skip
    """Make one bundle of many BUNDLES: directories with a bundle.jsonl, or directories that hold such directories.

    Any order of them makes one text. Refused, with the names of the bundles: records of two schemas, a lane of which
    two bundles answer one question, and a bundle that was cut short. Raw files and logs of power cuts stay where they
    are, so that the merged bundle names none.

    Exit status: 0, or 4 for bundles that do not make one run and other mistakes on the command line.
    """
    if redact and not public:
        raise click.UsageError("--redact hides names in what is published: say --published, too")
    (read,) = runs_in([bundles], allow_truncated, once=True)
    if public:
        hide = Redaction(redact)
        read = [published(bundle, hide) for bundle in read]
    file = output / FILE_NAME
    try:
        make_directory(output)
        replace_file(file, merged_text(read), lambda path: marked(path.parent))
        whole = read_bundle(output)
    except NotOurs as reason:
        raise click.UsageError(f"{reason.filename}: {reason.strerror}; name another --output") from None
    except BundleRefused as reason:  # what is too large to be read is not left there
        file.unlink()
        raise click.UsageError(f"{reason}; name fewer bundles") from None
    except OSError as reason:
        raise click.UsageError(f"--output: {output} cannot be written: {reason.strerror}") from None
    click.echo(
        f"{file}: {counted(len(read), 'bundle')}, {counted(len(whole.plan.lanes), 'lane')}, "
        f"{counted(len(whole.results), 'result')}"
    )
