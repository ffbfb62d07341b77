"""The kernel says what `conformance/messages.toml` says of it: every refused mount in the table is made."""

from pathlib import Path

import pytest

from roadworthy.machines.kernel_log import KernelLog
from roadworthy.programs import run
from roadworthy.verdict.messages import load

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
PROVOKED = [message for message in load(ROOT / "conformance/messages.toml") if message.provoked]
#: Makes what the table promises to mounts on a fresh ext4, in a mount namespace that ends with the shell, and mounts
#: overlayfs with each list of options: the first one at `mounted`, `-` takes it down.
SCRIPT = """
mkfs.ext4 -q "$1/disk" && mkdir "$1/m" && mount -o loop "$1/disk" "$1/m" && cd "$1/m" || exit 9
mkdir -p lower lower2 data upper/in work mounted again
touch file
shift
where=mounted
for options; do
    if [ "$options" = - ]; then umount mounted; where=mounted; continue; fi
    mount -t overlay overlay -o "$options" "$where" 2>/dev/null
    if [ "$where" = mounted ]; then mkdir mounted/up mounted/work 2>/dev/null; fi
    where=again
done
exit 0
"""


@pytest.mark.parametrize("message", PROVOKED, ids=[message.text for message in PROVOKED])
def test_the_kernel_says_it(message, tmp_path):
    """A mount with the options that the table names is refused, or warned of, in the table's words."""
    with (tmp_path / "disk").open("wb") as disk:
        disk.truncate(64 << 20)
    (tmp_path / "script").write_text(SCRIPT)
    options = [words.replace("LOWER*501", ":".join(["lower"] * 501)) for words in message.provoked]
    log = KernelLog()
    try:
        inside = ["unshare", "-m", "--propagation", "private", "sh", tmp_path / "script", tmp_path, *options]
        run(inside)
        said = [line for line in log.lines() if "overlay" in line]
    finally:
        log.close()
    assert any(message.is_in(line) for line in said), said
