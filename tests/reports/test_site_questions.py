"""The ten questions that people come with: each is one click away from the front page, and the answer is the right one.

The bundles are made here, so that the answers are known: overlay2 on four kernels, on btrfs and with two engines,
fuse-overlayfs, the containerd store, and benchmarks of a first write.
"""

import html
import json
import random
import re

import msgspec
import pytest
import sample
import sample_small as small

from roadworthy.reports.records import Deviation, Lane
from roadworthy.reports.site.making import make


def lane(driver, kernel="7.2", backing="ext4", engine="docker20.10"):
    return Lane(id=f"{driver}-{backing}-{engine}-linux{kernel}", driver=driver, backing=backing, engine=engine,
                kernel=kernel, words=[f"--driver={driver}"])  # fmt: skip


def deviation(why, when="built_on = overlayfs"):
    return Deviation(why=why, source="Linux", signature="x", when=when, file="conformance/deviations/x.toml", line=1)


NATIVE = lane("native")
KERNELS = [lane("overlay2", kernel) for kernel in ("5.10", "6.1", "6.12", "7.2")]
BTRFS = lane("overlay2", backing="btrfs")
FUSE = lane("fuse-overlayfs")
NEWER, STORE = lane("overlay2", engine="docker28.5"), lane("containerd:overlayfs", engine="docker28.5")
OVERLAYS = [*KERNELS, BTRFS, NEWER, STORE]
LANES = (NATIVE, *KERNELS, BTRFS, NEWER, FUSE, STORE)

CHECKS = tuple(small.check(name, f"{name} holds.") for name in (
    "rename/merged-dir", "pagecache/shared-across-containers", "open/o-tmpfile", "whiteout/in-lowest-layer",
    "quota/bad-size-rejected", "whiteout/remove-what-took-the-name", "metadata/btime-stable",
    "copyup/one-byte-write-cost", "readdir/seekdir-after-unlink", "app/mv-directory", "app/dpkg", "app/npm", "app/git",
    "open/plain",
))  # fmt: skip

BACK = deviation("a removed file of the image is back", "driver = fuse-overlayfs")
COPIES = deviation("a lower file is copied whole")
BROKEN = {
    **{(one.id, "rename/merged-dir"): ("known", small.RENAME, "EXDEV") for one in (*OVERLAYS, FUSE)},
    (FUSE.id, "pagecache/shared-across-containers"): ("known", deviation("FUSE files have caches apart"), "not shared"),
    **{(one.id, "open/o-tmpfile"): ("known", deviation("no O_TMPFILE in these kernels"), "ENOTSUP")
       for one in KERNELS[:2]},
    **{(one.id, "whiteout/in-lowest-layer"): ("known", deviation("the mark is listed"), "foo kept")
       for one in (*KERNELS, BTRFS, NEWER)},
    (STORE.id, "quota/bad-size-rejected"): ("known", deviation("the store takes any size"), "success"),
    (FUSE.id, "whiteout/remove-what-took-the-name"): ("known", BACK, "success"),
    (FUSE.id, "metadata/btime-stable"): ("known", deviation("no statx", "driver = fuse-overlayfs"), "none"),
    **{(one.id, "copyup/one-byte-write-cost"): ("known", COPIES, "16.0 MiB")
       for one in (*KERNELS, NEWER, FUSE, STORE)},
    (BTRFS.id, "readdir/seekdir-after-unlink"): ("known", deviation("positions of btrfs are counts"), "1 lost"),
    **{(one.id, "app/mv-directory"): ("known", small.MV, "copied") for one in (*KERNELS, BTRFS, NEWER)},
}  # fmt: skip
SINCE = {**BROKEN, (FUSE.id, "open/plain"): ("fail", None, "EIO")}


def first_write(of, milliseconds):
    """What a first write to a file of 16 MiB took."""
    one = next(one for one in sample.sweep(of, random.Random(1)) if getattr(one, "point", None))
    arm = msgspec.structs.replace(one.arm, median=milliseconds * 1e6)
    return msgspec.structs.replace(
        one, benchmark="copy-up/first-write/lower@16MiB", point=float(16 << 20), arm=arm,
        baseline=msgspec.structs.replace(one.baseline, median=1e6), ratio=milliseconds, ratio_low=milliseconds * 0.95,
        ratio_high=milliseconds * 1.05, verdict="slower", unpublished="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    root, out = tmp_path_factory.mktemp("bundles"), tmp_path_factory.mktemp("site") / "public"
    sample.write(root / "2026-11-29" / "all", small.bundle("2026-11-29", LANES, BROKEN, checks=CHECKS))
    times = (first_write(KERNELS[3], 12.3), first_write(FUSE, 45.0))
    sample.write(root / "2026-11-30" / "all", small.bundle("2026-11-30", LANES, SINCE, times, CHECKS))
    make(root, out, known=small.KNOWN)
    (out / "probe.js").write_text(
        'addEventListener("load", () => { document.body.dataset.found = JSON.stringify(document.body.innerText); });'
    )
    return out


@pytest.fixture
def answer(browser, public):
    """Follow the question's link on the front page, and return what a reader sees there."""

    def ask(words):
        front = (public / "index.html").read_text()
        section = front[front.index('class="questions"') :]
        links = re.findall(r'<a href="([^"]*)">([^<]*)</a>', section[: section.index("</ul>")])
        href = next(href for href, text in links if words in text)
        address, mark, place = href.partition("#")
        page = public / address
        assert not place or f'id="{place}"' in page.read_text(), href
        up = "../" * address.count("/")
        copy = page.with_name(f"probed-{page.name}")
        copy.write_text(page.read_text().replace("</head>", f'<script src="{up}probe.js"></script></head>', 1))
        done = browser(f"{copy.as_uri()}{mark}{place}")
        found = json.loads(html.unescape(re.search(r'data-found="([^"]*)"', done.stdout)[1]))
        return re.sub(r"\s+", " ", found)

    return ask


def in_order(text, *words):
    """The words stand in the text, one after the other."""
    at = 0
    for word in words:
        assert word in text[at:], (word, text[at : at + 1500])
        at = text.index(word, at) + len(word)
    return True


def test_rename_of_an_image_directory(answer):
    """It is refused on every lane of overlay2, and the reason is said."""
    text = answer("directory of the image be renamed on overlay2")
    assert in_order(text, "breaks (explained) on 8 lanes", "EXDEV, expected success", small.RENAME.why, "overlay2:",
                    'rename("old", "new") = -1 EXDEV', "pass on 1 lane", "native:")  # fmt: skip


def test_who_shares_page_cache(answer):
    """Of the drivers that were asked, fuse-overlayfs does not."""
    text = answer("share page cache")
    assert in_order(text, "breaks (explained) on 1 lane", "FUSE files have caches apart", "fuse-overlayfs:",
                    "pass on 8 lanes", "overlay2:", "containerd:overlayfs:")  # fmt: skip


def test_what_changed_between_kernels(answer):
    """O_TMPFILE came between two of the kernels that were asked."""
    text = answer("between kernels")
    assert in_order(text, "Linux 5.10", "Linux 6.1", "Linux 6.12", "Linux 7.2", "open/o-tmpfile",
                    "gone by 6.12, breaks on 5.10 and 6.1; not on 6.12 and 7.2", "no O_TMPFILE")  # fmt: skip


def test_what_a_first_write_costs(answer):
    """Each driver's time of 16 MiB is printed in milliseconds."""
    text = answer("first write")
    assert "12.3 ms" in text
    assert "45 ms" in text


def test_the_costs_of_a_card_lead_to_their_benchmark(public):
    """Of each benchmark there is one page, whatever the size and where the file came from."""
    text = (public / "driver/overlay2.html").read_text()
    assert '<a href="../benchmarks/copy-up/first-write.html">copy-up/first-write/lower@16MiB</a>' in text


def test_what_breaks_on_fuse_overlayfs(answer):
    """What is lost stands before what is refused, and that before what is only shown."""
    text = answer("fuse-overlayfs, worst first")
    assert in_order(text, "What breaks, worst first", "Data are lost or wrong", BACK.why, "Surprises",
                    small.RENAME.why, "Cosmetic", "no statx")  # fmt: skip


def test_overlay2_or_the_containerd_store(answer):
    """What breaks on either alone, and on both, is counted and listed."""
    text = answer("containerd store")
    assert in_order(text, "2 checks break on overlay2 alone", "1 check breaks on the containerd store alone",
                    "2 checks break on both")  # fmt: skip
    for name in ("quota/bad-size-rejected", "whiteout/in-lowest-layer", "app/mv-directory"):
        assert name in text


def test_overlay2_on_btrfs(answer):
    """It is tested, and what differs from ext4 is a row each."""
    text = answer("overlay2 on btrfs")
    assert in_order(text, "docker20.10, linux 7.2", "btrfs", "ext4")
    assert "readdir/seekdir-after-unlink" in text
    assert "copyup/one-byte-write-cost" in text


def test_what_is_new(answer):
    """The failure that the run before did not have is named with its lane."""
    text = answer("new since the run before")
    assert in_order(text.lower(), "newly failing", "open/plain", FUSE.id)


def test_claims_that_do_not_hold(answer):
    """That all drivers copy on write does not hold where whole files are copied, and holds on btrfs."""
    text = answer("claims of 2016")
    assert in_order(text, "Do not hold somewhere", "S7", "Does not hold on", KERNELS[3].id, "Holds on", BTRFS.id)


def test_software_on_overlay2(answer):
    """mv is hit, dpkg, npm and git work."""
    text = answer("mv, dpkg, npm and git")
    software = text[text.index("Software Hit:") :]
    assert in_order(software, "Hit: app/mv-directory.", "app/mv-directory", "breaks", "app/dpkg", "pass", "app/git",
                    "pass", "app/npm", "pass")  # fmt: skip
