"""Attributes by which a driver marks its layers, in an image whose maker wrote them, and flags that no image carries.

An archive may hold any attribute. One that the driver's file system takes for its own mark would let the maker of an
image decide what is seen in the layers below.
"""

from os import O_RDONLY, O_RDWR

import pytest

from roadworthy import LAYERS, Directory, File, check, needs
from roadworthy.linux import FS_IMMUTABLE_FL

pytestmark = pytest.mark.slow


@check("sec/redirect-injection", source="overlayfs.rst, redirect_dir; OCI image-spec, layer.md, extended attributes")
@needs(LAYERS)
def test_redirect_of_an_image_leads_nowhere(containers, observe):
    """A directory of an image that has the attribute of a redirect holds what its layers put into it, and no more."""
    redirect = Directory(xattrs={"trusted.overlay.redirect": b"kept"})
    image = containers.image({"kept/f": b"older"}, {"led": redirect, "led/own": b""})
    names = containers.process(containers.run(image)).listdir("led")
    observe("in the directory", " ".join(names))
    assert names == ["own"]


@check("whiteout/xattr-form", source="overlayfs.rst, whiteouts and opaque directories, xwhiteouts")
@needs(LAYERS)
def test_file_with_the_attribute_of_a_whiteout_is_seen(containers, observe):
    """A file of an image that has the attribute of a whiteout is a file, and is seen."""
    marks = {"d": Directory(xattrs={"trusted.overlay.opaque": b"x"}),
             "d/f": File(b"data", xattrs={"trusted.overlay.whiteout": b"y"})}  # fmt: skip
    image = containers.image({"d/f": b"older", "d/g": b""}, marks)
    fs = containers.process(containers.run(image))
    names = fs.listdir("d")
    observe("in the directory", " ".join(names))
    assert names == ["f", "g"]
    assert fs.load("d/f") == b"data"


@check("sec/immutable-in-image-lost", source="OCI image-spec, layer.md, File Attributes; ioctl_iflags(2)")
@needs(LAYERS)
def test_flags_of_a_file_stay_out_of_the_image(containers, observe):
    """A file that was immutable in a container is not so in the image: it can be opened for writing there."""
    live = containers.run(containers.image({"f": b"image"}), cap_add=["LINUX_IMMUTABLE"])
    fs = containers.process(live)
    fs.store("f", b"written")
    fs.set_file_flags(fs.open("f", O_RDONLY), FS_IMMUTABLE_FL)
    image = containers.commit(live.stop())
    fs = containers.process(live.start())
    fs.set_file_flags(fs.open("f", O_RDONLY), 0)  # the engine could not remove it otherwise
    seen = containers.process(containers.run(image))
    outcome = observe("open for writing", seen.attempt.open("f", O_RDWR))
    assert outcome == "success"
    assert seen.load("f") == b"written"
