"""Images that containerd pulls and unpacks itself, as for Kubernetes, several layers at once if it is told so."""

import pytest

from roadworthy import Directory, Opaque, Whiteout, check

pytestmark = pytest.mark.slow

OLD = {"d": Directory(), "d/gone": b"", "d/kept": b"", "o": Directory(), "o/old": b""}
NEW = {"d/gone": Whiteout(), "o": Opaque(), "o/new": b""}


@check("image/pulled-whiteouts", source="OCI image-spec, layer.md, Whiteouts; containerd/containerd issue 13030")
def test_whiteouts_of_a_pulled_image(puller, observe):
    """What a later layer of a pulled image removes, and what its opaque directory hides, is not in the image's root."""
    with puller.root(OLD, NEW) as root:
        seen = sorted(path.name for name in ("d", "o") for path in (root / name).iterdir())
    observe("in the directories", " ".join(seen))
    assert seen == ["kept", "new"]
