"""The supervisor: answers the notified system calls of one daemon's containers as one faulty driver would.

    python -m roadworthy.mutants.supervisor SOCKET HITS MUTANT

It runs in the lane's capsule and dies with it, so that it needs no line in the ledger. runc connects to SOCKET at each
`create` and `exec`, and passes a notification descriptor (OCI runtime-spec, config-linux.md, "listenerPath"). HITS gets
one line for each call whose outcome is changed: the working directory of its process, a tab, the call. A call that was
interrupted is made again, and has two lines.
"""

# System calls on descriptors and /proc links, not paths of ours.
# ruff: noqa: PTH101, PTH104
from __future__ import annotations

import json
import os
import select
import socket
import sys
import threading
import traceback
from array import array
from dataclasses import dataclass

from roadworthy.mutants.call import FAULTS, Answer, Call, Descriptor, Error, Fault, Proceed, Value
from roadworthy.mutants.calls import ARCHITECTURE, NAMES
from roadworthy.mutants.catalogue import find, register_added
from roadworthy.mutants.notification import Notification, hand_in, receive, send
from roadworthy.mutants.target import Target

#: The answer to every call of the identity mutant: it was seen, and nothing was changed.
IDENTITY = "identity-notify"


@dataclass(frozen=True)
class Faulty:
    """A fault, and whether it is one of volumes as well as of the driver."""

    fault: Fault
    volumes: bool

    def concerns(self, target: Target) -> bool:
        """Whether the fault applies where a process works."""
        return target.checking or (self.volumes and target.on_volume)


class Hits:
    """The file that the controller reads. One write a line, so that threads and a sudden end tear none."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def add(self, directory: str, call: str) -> None:
        os.write(self._descriptor, f"{directory}\t{call}\n".encode(errors="surrogateescape"))


def serve(listener: int, faulty: Faulty, hits: Hits) -> None:
    """Answer the calls of one notification descriptor until its last process is gone."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        events = poll.poll()[0][1]
        if events & (select.POLLHUP | select.POLLERR):
            os.close(listener)
            return
        notification = receive(listener)
        if notification is not None:
            answer(listener, notification, faulty, hits)


def answer(listener: int, notification: Notification, faulty: Faulty, hits: Hits) -> None:
    """Answer one call as the fault decides."""
    target = Target(listener, notification)
    try:
        name = NAMES.get(notification.number, "")
        call = Call(name, notification.arguments, target)
        decided = decide(call, faulty) if notification.architecture == ARCHITECTURE and name else None
        directory = target.directory if decided is not None else ""
        if not isinstance(decided, Descriptor):
            target.close()  # a writer of ours would make a program busy that the caller executes next
        if decided is not None:
            # Before the answer, because the hits may be counted as soon as the call has returned.
            hits.add(directory, name)
        deliver(listener, notification.identity, decided)
    except OSError:
        pass  # its process died while it was being answered
    finally:
        target.close()


def decide(call: Call, faulty: Faulty) -> Answer | None:
    """The fault's answer. A call whose arguments it cannot look up (no such name, a dead process) is the kernel's."""
    try:
        return faulty.fault(call) if faulty.concerns(call.target) else None
    except OSError:
        return None


def deliver(listener: int, identity: int, decided: Answer | None) -> bool:
    """Send an answer. False if the call was interrupted."""
    match decided:
        case None | Proceed():
            return send(listener, identity, proceed=True)
        case Value(value):
            return send(listener, identity, value)
        case Error(errno):
            return send(listener, identity, error=errno)
        case Descriptor(descriptor, close_on_exec):
            return hand_in(listener, identity, descriptor, close_on_exec)


def listening(path: str) -> socket.socket:
    """A socket that listens from the moment at which its name exists."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(f"{path}.new")
    os.chmod(f"{path}.new", 0o600)
    made.listen(64)
    os.rename(f"{path}.new", path)
    return made


#: What `dismiss` sends instead of a container's state.
DISMISSAL = b"[]"


def dismiss(path: str) -> None:
    """Tell the supervisor that listens there to end. Calls that wait for it then fail with ENOSYS."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(DISMISSAL)


def passed(connection: socket.socket) -> int | None:
    """The notification descriptor from runc's message, JSON and descriptors in one; None for a dismissal."""
    descriptors = array("i")
    text = b""
    while True:
        data, ancillary, _flags, _address = connection.recvmsg(1 << 16, socket.CMSG_LEN(4 * descriptors.itemsize))
        for level, kind, raw in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(raw[: len(raw) - len(raw) % descriptors.itemsize])
        text += data
        try:
            state = json.loads(text)
        except ValueError:
            if not data:
                raise
            continue
        return int(descriptors[state["fds"].index("seccompFd")]) if state else None


def guarded(listener: int, faulty: Faulty, hits: Hits) -> None:
    """Serve, and end the supervisor if a fault raises: the run must not continue as if it had a mutant."""
    try:
        serve(listener, faulty, hits)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(70)


def main(argv: list[str]) -> None:
    socket_path, hits_path, name = argv
    import roadworthy.mutants.faults  # noqa: F401 - registers the faults

    register_added()
    os.umask(0)  # files made for a target get the mode that its own umask leaves
    faulty = Faulty((lambda _call: Proceed()) if name == IDENTITY else FAULTS[name], find(name).volumes)
    hits = Hits(hits_path)
    with listening(socket_path) as door:
        while True:
            connection, _ = door.accept()
            with connection:
                listener = passed(connection)
            if listener is None:
                return
            os.set_inheritable(listener, False)
            threading.Thread(target=guarded, args=(listener, faulty, hits), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1:])
