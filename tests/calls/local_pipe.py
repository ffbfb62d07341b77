"""The agent as a plain process of this host, for tests of what speaks with it."""

import os
import select
import subprocess
import sys

from roadworthy.calls.toolbox import AGENT


class LocalPipe:
    """The agent's streams without an engine between."""

    def __init__(self):
        command = [sys.executable, "-I", "-S", "-B", str(AGENT)]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.agent = subprocess.Popen(command, bufsize=0, **streams)
        self._complaints = b""

    def fileno(self):
        return self.agent.stdout.fileno()

    def send(self, data):
        while data:
            data = data[self.agent.stdin.write(data) :]

    def receive(self):
        return os.read(self.fileno(), 1 << 16)

    def complaints(self):
        ready = select.select([self.agent.stderr], [], [], 0)[0]
        self._complaints += os.read(self.agent.stderr.fileno(), 1 << 16) if ready else b""
        return self._complaints.decode(errors="replace")

    def close(self):
        if not self.agent.stdin.closed:
            self.agent.stdin.close()
        self.agent.wait(10)
        self.agent.stdout.close()
        self.agent.stderr.close()
