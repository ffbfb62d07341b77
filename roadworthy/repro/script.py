"""The shell around the program: it makes layers and a plain directory, runs the program in both, and compares.

There are two forms. One mounts overlayfs or fuse-overlayfs itself, as the engine would; the other asks an engine that
runs already, through its command. Both need root and a C compiler, and nothing of the suite.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

#: What mounts a driver's layers; other drivers need an engine. Docker and containerd mount overlayfs with index=off.
MOUNTED = {"overlay2": "overlay", "containerd:overlayfs": "overlay", "fuse-overlayfs": "fuse"}
#: How a backing is made on the file "$work/disk"; tmpfs needs none.
MAKING = {
    "ext4": "mkfs.ext4 -q -F", "xfs": "mkfs.xfs -q -f", "btrfs": "mkfs.btrfs -q -f",
}  # fmt: skip

HEAD = """\
#!/bin/sh
{about}
# It makes the calls of the check in a plain directory and on {driver}, and shows where the answers differ: a line
# that begins with - is the plain directory's, one with + is {driver}'s.
# Exit status: 1 if they differ, 0 if they do not, 2 if it cannot be tried here.
set -u
fail() {{ echo "$0: $*" >&2; exit 2; }}
"""
COMPILED = """\
cat >"$work/r.c" <<'END_OF_C'
{program}END_OF_C
cc -w -static -D_GNU_SOURCE -o "$work/r" "$work/r.c" || fail 'cannot compile'
"""
COMPARED = """\
if diff -U 99 --label 'a plain directory' --label {driver} "$work/plain" "$work/layered"; then
    echo {kept}
else
    echo {broken}
    exit 1
fi
"""
BY_MOUNTING = """\
if [ "${{1-}}" != inside ]; then
    [ "$(id -u)" = 0 ] || fail 'needs root to mount: run it as root, or with sudo'
    for need in cc diff {needs}; do command -v $need >/dev/null || fail "needs $need"; done
    work=$(mktemp -d) || fail 'needs a directory for temporary files'
    trap 'rm -rf "$work"' EXIT
    trap 'exit 2' INT TERM HUP
    unshare -m --propagation private sh "$0" inside "$work" # its mounts end with it
    exit $?
fi
work=$2
{compiled}
mkdir "$work/m" && {backing} || fail 'cannot make {name}'
cd "$work/m" && mkdir -p plain/c 1/c merged || fail 'cannot make directories'

on_top_of() {{ # the layers 1 to $1 - 1 below, the layer $1 on top
    lower=1 n=2
    while [ "$n" -lt "$1" ]; do lower=$n:$lower n=$((n + 1)); done
    mkdir -p "$1" "work$1"
    {mount} || fail 'cannot mount {driver}'
}}

(cd 1/c && "$work/r" 1) || fail 'cannot make layer 1'
n=2
while [ "$n" -le {layers} ]; do
    on_top_of "$n"
    (cd merged/c && "$work/r" "$n") || fail "cannot make layer $n"
    umount merged || fail 'cannot unmount'
    n=$((n + 1))
done
on_top_of "$n"
(cd plain/c && "$work/r" plain; echo "exit status $?") >"$work/plain"
(cd merged/c && "$work/r" calls; echo "exit status $?") >"$work/layered"
umount merged || umount -l merged
{compared}"""
MOUNTS = {
    "overlay": 'index=; [ -e /sys/module/overlay/parameters/index ] && index=,index=off\n'
    '    mount -t overlay overlay -o "lowerdir=$lower,upperdir=$1,workdir=work$1$index" merged',
    "fuse": 'fuse-overlayfs -o "lowerdir=$lower,upperdir=$1,workdir=work$1" merged',
}  # fmt: skip
BY_ENGINE = """\
engine=${{ENGINE:-{engine}}} # the command of the engine; DOCKER_HOST says where it is, as always
for need in cc diff tar "$engine"; do command -v "$need" >/dev/null || fail "needs $need"; done
runs=$("$engine" info -f '{format}') || fail "$engine does not answer"
[ "$runs" = {daemon_name} ] || fail "$engine runs the storage driver $runs, and this is about {daemon_name}"
work=$(mktemp -d) || fail 'needs a directory for temporary files'
made=
trap 'for one in $made; do "$engine" rmi -f "$one" >/dev/null 2>&1; done; rm -rf "$work"' EXIT
trap 'exit 2' INT TERM HUP
{compiled}
mkdir -p "$work/image/c" "$work/image/volume" && mv "$work/r" "$work/image/r" || fail 'cannot make the image'
image=$(tar -C "$work/image" -c . | "$engine" import -) || fail 'cannot import the image'
made=$image n=1
while [ "$n" -le {layers} ]; do
    container=$("$engine" create --network none -w /c {capabilities}"$image" /r "$n") || fail 'cannot make a container'
    "$engine" start -a "$container" || fail "cannot make layer $n"
    image=$("$engine" commit "$container") || fail "cannot commit layer $n"
    "$engine" rm "$container" >/dev/null
    made="$image $made" n=$((n + 1))
done
run() {{ "$engine" run --rm --network none {capabilities}"$@"; echo "exit status $?"; }}
run -v /volume -w /volume "$image" /r plain >"$work/plain"
run -w /c "$image" /r calls >"$work/layered"
{compared}"""


@dataclass(frozen=True)
class Reproduced:
    """What a script is about, and its program. `about` are lines for the reader of the script."""

    check: str
    driver: str
    daemon_name: str
    backing: str
    about: Sequence[str]
    program: str
    layers: int
    capabilities: frozenset[str] = frozenset()


def script(of: Reproduced, by_engine: bool) -> str:
    """The script; `by_engine` asks a running engine also where the driver's layers could be mounted."""
    shared = {
        "driver": of.driver, "layers": of.layers, "daemon_name": of.daemon_name,
        "compiled": COMPILED.format(program=of.program),
        "compared": COMPARED.format(
            driver=shlex.quote(of.driver),
            kept=shlex.quote(f"{of.check}: {of.driver} answers here as a plain directory does"),
            broken=shlex.quote(f"{of.check}: {of.driver} answers here as no plain directory does"),
        ),
    }  # fmt: skip
    about = "\n".join(f"# {line}" for line in of.about)
    head = HEAD.format(about=about, driver=of.driver)
    kind = MOUNTED.get(of.driver)
    if by_engine or kind is None:
        podman = of.driver.startswith("podman:")
        added = "".join(f"--cap-add {name} " for name in sorted(of.capabilities))
        return head + BY_ENGINE.format(
            **shared, engine="podman" if podman else "docker", capabilities=added,
            format="{{.Store.GraphDriverName}}" if podman else "{{.Driver}}",
        )  # fmt: skip
    making = MAKING.get(of.backing, "")
    if making:
        made = f'truncate -s 1G "$work/disk" && {making} "$work/disk" && mount -o loop "$work/disk" "$work/m"'
    else:
        made = 'mount -t tmpfs tmpfs "$work/m"'
    programs = ["unshare", *making.split()[:1], *(["fuse-overlayfs"] if kind == "fuse" else [])]
    return head + BY_MOUNTING.format(
        **shared, needs=" ".join(programs), backing=made, name=of.backing, mount=MOUNTS[kind]
    )


def is_mounted(driver: str) -> bool:
    """Whether a script mounts the driver's layers itself, without an engine."""
    return driver in MOUNTED
