"""Faulty drivers, to prove that each check can fail.

A mutant is the real driver under the real daemon, with one behaviour falsified. `notify` mutants intercept system calls
of the container's processes (seccomp user notification, see seccomp_unotify(2)); `saboteur` mutants edit the image's
layer directories before the first container starts; `engine` mutants falsify what the daemon's API does and answers;
`disk` mutants lose some of what a disk was told. `catalogue.toml` says what each does and which checks must see it.

    pytest --driver=overlay2 --mutant=append-overwrites      one mutant, and the checks it breaks
    python -m roadworthy.mutants                                        all of them: the kill matrix
"""

from pathlib import Path

#: Where the packages lie, for processes of our own.
PACKAGES = Path(__file__).parents[2]
