"""The first process of a capsule. Standard library only; run by path, imports nothing of ours.

It waits for one byte: the controller writes it once the capsule stands in the ledger. `k` keeps the capsule after the
controller is gone; anything else ties it to the controller: at the end of its input this process leaves, and the kernel
ends every process and every mount of the two namespaces with it.
"""

import os
import signal
import sys

# Children that others left behind are reaped by the kernel.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
# In its own process namespace the first process ignores what it has no handler for; the terminal's Ctrl-C is pytest's.
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdout.write("ready\n")
sys.stdout.flush()
word = os.read(0, 1)
while word == b"k":
    signal.pause()
while word:
    word = os.read(0, 1)
