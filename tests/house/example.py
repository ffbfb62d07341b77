"""The published example: editions of real runs in docs/example, and the site that is made from them.

`make editions NIGHTS="DIR…" HIDE="NAME…"` packs each edition, with only what a page would publish of it, and without
names to be hidden; `make example` builds the site in build/example.
"""

import io
import lzma
import sys
import tarfile
from pathlib import Path, PurePosixPath

from roadworthy.reports.bundle import FILE_NAME, BundleRefused, read_bundle
from roadworthy.reports.made import make_directory
from roadworthy.reports.merging import alone, text_of
from roadworthy.reports.published import published
from roadworthy.reports.redaction import Redaction, of_this_machine
from roadworthy.reports.site.editions import bundle_files

ROOT = Path(__file__).parents[2]
EXAMPLE, BUILD = ROOT / "docs/example", ROOT / "build/example"
SUFFIX = ".tar.xz"


def pack(edition, hide=()):
    """An edition's bundles as one archive, the same bytes from the same bundles; what cannot be read is left out."""
    redact, archive = Redaction(hide), io.BytesIO()
    with (
        lzma.open(archive, "w", preset=6) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for file in bundle_files(edition):
            try:
                text = text_of(alone(published(read_bundle(file), redact))).encode()
            except BundleRefused as reason:
                print(f"left out: {reason}", file=sys.stderr)  # noqa: T201
                continue
            member = tarfile.TarInfo(file.relative_to(edition).as_posix())
            member.size, member.mode = len(text), 0o644
            tar.addfile(member, io.BytesIO(text))
    return archive.getvalue()


def unpack(archive, place):
    """Write the bundles of an archive below a directory; nothing else of it, and nothing outside."""
    with tarfile.open(archive, mode="r:xz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if not member.isreg() or path.is_absolute() or ".." in path.parts or path.name != FILE_NAME:
                raise ValueError(f"{archive}: {member.name} is no bundle")
            file = place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(tar.extractfile(member).read())


def archives():
    """The editions of the example, the oldest first."""
    return sorted(EXAMPLE.glob(f"*{SUFFIX}"))


def unpack_all(place):
    """Write every edition of the example into a directory of its name."""
    make_directory(place)
    for archive in archives():
        unpack(archive, place / archive.name.removesuffix(SUFFIX))


def main():
    """With directories: pack each edition, without the names of --hide=. Without: unpack all for `roadworthy site`."""
    hide = [word.removeprefix("--hide=") for word in sys.argv[1:] if word.startswith("--hide=")]
    editions = [Path(word) for word in sys.argv[1:] if not word.startswith("--hide=")]
    for edition in editions:
        (EXAMPLE / f"{edition.name}{SUFFIX}").write_bytes(pack(edition, [*of_this_machine([]), *hide]))
    if not editions:
        unpack_all(BUILD / "bundles")


if __name__ == "__main__":
    main()
