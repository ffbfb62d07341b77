"""The first process of a capsule. Standard library only; run by path, imports nothing of ours.

It waits for one byte, which the controller writes once the ledger names the capsule. `k` keeps the capsule after the
controller has ended; any other byte ties it to the controller: at the end of its input this process exits, and with it
the kernel ends every process and every mount of the two namespaces.
"""

import os
import select
import signal
import sys

#: Seconds for which a process that others left behind stays a zombie: time for the watchdog to see how it ended.
SEEN = 0.2


def reap(*_: object) -> None:
    select.select([], [], [], SEEN)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


signal.signal(signal.SIGCHLD, reap)
# The first process of a namespace ignores signals without a handler; Ctrl-C in the terminal is for pytest.
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdout.write("ready\n")
sys.stdout.flush()
word = os.read(0, 1)
while word == b"k":
    signal.pause()
while word:
    word = os.read(0, 1)
