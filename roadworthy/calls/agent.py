"""The other end of a check: processes inside a container that do one system call per message.

It imports the standard library only: this file is copied into the toolbox and run by the toolbox's interpreter.

The first process is the relay. It reads frames from standard input, passes each to the worker it names, and writes
the workers' answers to standard output. A worker is a fork of the relay, so a check gets a fresh process (descriptors,
working directory, umask, identity) for the price of a fork, and several processes of one container are driven in the
exact order in which the controller sends.

A frame is four bytes of length, big-endian, and a JSON object. Every frame carries the nonce of the first request, so
that foreign output cannot be taken for an answer; it stands on no command line. Bytes travel as {"b": "<base64>"}.

    request   {"n": nonce, "i": number, "p": process, "c": call, "a": [arguments]}
    answer    {"n": nonce, "i": number, "p": process, "r": value}          it returned
              {"n": nonce, "i": number, "p": process, "e": errno}          the kernel refused
              {"n": nonce, "i": number, "p": process, "x": text}           the agent itself is at fault
    notice    {"n": nonce, "p": process, "d": wait status}                 the worker is dead

`spawn`, with a directory, makes a worker, and `end` kills one. `where` makes one write on standard error where in this
program it is, even while a call of it waits, unless it sleeps in state D. None of the three is answered.
"""

import binascii
import ctypes
import errno
import faulthandler
import fcntl
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time

LIMIT = 16 * 1024 * 1024
AT_FDCWD = -100
AT_SYMLINK_FOLLOW = 0x400
AT_EMPTY_PATH = 0x1000
#: The lengths of small overwrites, most of them a page, which is a database's.
OVERWRITTEN = (16, 512, 1024, 4096, 4096, 4096, 8192, 12288)
CLOCK_REALTIME_COARSE = 5  # <linux/time.h>; the time module does not name it
# System call numbers by machine; only calls that neither os nor libc of Debian 11 wraps.
NEW_MOUNT = {"move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432}
NUMBERS = {"x86_64": {"renameat2": 316, "statx": 332, **NEW_MOUNT},
           "aarch64": {"renameat2": 276, "statx": 291, **NEW_MOUNT}}  # fmt: skip

libc = ctypes.CDLL(None, use_errno=True)


class KernelStatx(ctypes.Structure):
    """The head of `struct statx`, to the birth time, padded to the kernel's 256 bytes. See statx(2)."""

    _fields_ = [
        ("mask", ctypes.c_uint32), ("blksize", ctypes.c_uint32), ("attributes", ctypes.c_uint64),
        ("nlink", ctypes.c_uint32), ("uid", ctypes.c_uint32), ("gid", ctypes.c_uint32), ("mode", ctypes.c_uint16),
        ("spare", ctypes.c_uint16), ("ino", ctypes.c_uint64), ("size", ctypes.c_uint64), ("blocks", ctypes.c_uint64),
        ("attributes_mask", ctypes.c_uint64), ("atime", ctypes.c_int64 * 2), ("btime", ctypes.c_int64),
        ("btime_nsec", ctypes.c_uint32), ("rest", ctypes.c_char * 164),
    ]  # fmt: skip


def checked(value):
    """Return the value of a libc call. Raises OSError with its errno."""
    if value is None or value == -1 or value == ctypes.c_void_p(-1).value:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return value


PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_PTRACER = 0x59616D61


def die_with(parent):
    """Make the kernel kill this process when its `parent` ends, even in a system call. See prctl(2), PR_SET_PDEATHSIG.

    A change of user or group clears the setting, and a forked child does not inherit it.
    """
    libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(70)  # the parent ended before the call


def status(found):
    return [found.st_dev, found.st_ino, found.st_mode, found.st_nlink, found.st_uid, found.st_gid, found.st_rdev,
            found.st_size, found.st_blocks, found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns]  # fmt: skip


def encoded(path):
    return path if isinstance(path, bytes) else os.fsencode(path)


# --- calls that os lacks, or that need more than their namesake in os


def call_statx(path, mask, flags=0):
    found = KernelStatx()
    number = NUMBERS[os.uname().machine]["statx"]
    flags |= AT_EMPTY_PATH if isinstance(path, int) else 0x100
    place, name = (path, b"") if isinstance(path, int) else (AT_FDCWD, encoded(path))
    checked(libc.syscall(ctypes.c_long(number), place, name, flags, mask, ctypes.byref(found)))
    return [found.mask, found.btime * 10**9 + found.btime_nsec]


def call_renameat2(source, target, flags):
    number = NUMBERS[os.uname().machine]["renameat2"]
    checked(libc.syscall(ctypes.c_long(number), AT_FDCWD, encoded(source), AT_FDCWD, encoded(target), flags))


def call_linkat(source, target, flags):
    checked(libc.linkat(AT_FDCWD, encoded(source), AT_FDCWD, encoded(target), flags))


def call_getdents(descriptor, size):
    """One getdents64: [[inode, position, type, name], ...]; empty at the end of the directory."""
    buffer = ctypes.create_string_buffer(size)
    filled = checked(libc.getdents64(descriptor, buffer, ctypes.c_size_t(size)))
    entries, at = [], 0
    while at < filled:
        inode, position, length, kind = struct.unpack_from("=QqHB", buffer.raw, at)
        name = buffer.raw[at + 19 : at + length].split(b"\0", 1)[0]
        entries.append([inode, position, kind, os.fsdecode(name)])
        at += length
    return entries


def call_utimens(path, atime_ns, mtime_ns, follow):
    os.utime(path, ns=(atime_ns, mtime_ns), follow_symlinks=follow)


def call_statvfs_type(path):
    """[f_type, longest name]: statfs(2), because os.statvfs leaves f_type out."""
    buffer = ctypes.create_string_buffer(256)
    checked(libc.statfs(encoded(path), buffer))
    return [struct.unpack_from("@l", buffer.raw)[0], os.statvfs(path).f_namemax]


def call_record_lock(descriptor, command, kind, start, length):
    """Set or test a record lock of fcntl(2), traditional or open file description: the type that the kernel returns."""
    asked = struct.pack("@hhqqi", kind, os.SEEK_SET, start, length, 0)
    answer = fcntl.fcntl(descriptor, command, asked)
    return struct.unpack("@hhqqi", answer)[0]


def call_ioctl_flags(descriptor, flags):
    """FS_IOC_GETFLAGS, or FS_IOC_SETFLAGS if flags are given. See ioctl_iflags(2)."""
    if flags is None:
        return struct.unpack("@l", fcntl.ioctl(descriptor, 0x80086601, struct.pack("@l", 0)))[0] & 0xFFFFFFFF
    fcntl.ioctl(descriptor, 0x40086602, struct.pack("@l", flags))
    return None


def call_ficlone(target, source):
    fcntl.ioctl(target, 0x40049409, source)


def call_mmap(descriptor, length, protection, flags):
    libc.mmap.restype = ctypes.c_void_p
    return checked(libc.mmap(None, ctypes.c_size_t(length), protection, flags, descriptor, ctypes.c_long(0)))


def call_munmap(address, length):
    checked(libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(length)))


def call_msync(address, length):
    checked(libc.msync(ctypes.c_void_p(address), ctypes.c_size_t(length), 4))


def call_peek(address, length):
    return ctypes.string_at(address, length)


def call_poke(address, data):
    ctypes.memmove(address, data, len(data))


def call_mincore(address, length):
    """How many pages of the mapping are in the page cache."""
    pages = (length + 4095) // 4096
    vector = (ctypes.c_ubyte * pages)()
    checked(libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(length), vector))
    return sum(page & 1 for page in vector)


def call_inotify_read(descriptor):
    """The pending events of an inotify descriptor: [[mask, name], ...]."""
    events, at = [], 0
    if not select.select([descriptor], [], [], 0)[0]:
        return events
    data = os.read(descriptor, 65536)
    while at < len(data):
        _, mask, _, length = struct.unpack_from("=iIII", data, at)
        events.append([mask, os.fsdecode(data[at + 16 : at + 16 + length].rstrip(b"\0"))])
        at += 16 + length
    return events


def call_name_to_handle(path, flags):
    """name_to_handle_at(2): the handle's bytes, type first."""
    handle = ctypes.create_string_buffer(8 + 128)
    struct.pack_into("=Ii", handle, 0, 128, 0)
    mount = ctypes.c_int()
    checked(libc.name_to_handle_at(AT_FDCWD, encoded(path), handle, ctypes.byref(mount), flags))
    size, kind = struct.unpack_from("=Ii", handle.raw)
    return struct.pack("=i", kind) + handle.raw[8 : 8 + size]


def call_open_by_handle(mount, handle, flags):
    """open_by_handle_at(2), with a handle that `name_to_handle` returned."""
    packed = struct.pack("=I", len(handle) - 4) + handle
    return checked(libc.open_by_handle_at(mount, ctypes.create_string_buffer(packed, len(packed)), flags))


def call_fanotify_mark(descriptor, flags, mask, path):
    checked(libc.fanotify_mark(descriptor, flags, ctypes.c_uint64(mask), AT_FDCWD, encoded(path)))


def call_fanotify_read(descriptor):
    """The masks of the pending events of a fanotify descriptor."""
    masks, at = [], 0
    data = os.read(descriptor, 65536) if select.select([descriptor], [], [], 0)[0] else b""
    while at < len(data):
        length, _, _, _, mask = struct.unpack_from("=IBBHQ", data, at)
        masks.append(mask)
        at += length
    return masks


def call_fanotify_decide(descriptor, response, seconds):
    """Wait for an event that asks for permission, and answer it: the event's mask, or 0 if there is none in time.

    Events that follow within moments get the first one's answer, so that nobody who opens the file waits for ever.
    """
    first = 0
    while select.select([descriptor], [], [], 0.2 if first else seconds)[0]:
        data, at = os.read(descriptor, 65536), 0
        while at < len(data):
            length, _, _, _, mask, opened, _ = struct.unpack_from("=IBBHQii", data, at)
            os.write(descriptor, struct.pack("=iI", opened, response))
            os.close(opened)
            first, at = first or mask, at + length
    return first


def call_pread_aligned(descriptor, count, offset):
    """pread(2) into memory that is aligned to a page, as O_DIRECT requires."""
    with mmap.mmap(-1, count) as memory:
        return memory[: os.preadv(descriptor, [memory], offset)]


def call_pwrite_aligned(descriptor, data, offset):
    """pwrite(2) from memory that is aligned to a page, as O_DIRECT requires."""
    with mmap.mmap(-1, len(data)) as memory:
        memory[:] = data
        return os.pwritev(descriptor, [memory], offset)


sockets: dict[int, socket.socket] = {}


def call_bind(path):
    """Listen on a stream socket at `path`: its descriptor."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(path)
    made.listen(1)
    sockets[made.fileno()] = made
    return made.fileno()


def call_connect(path):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    sockets[made.fileno()] = made
    return made.fileno()


def call_accept(descriptor):
    made, _ = sockets[descriptor].accept()
    sockets[made.fileno()] = made
    return made.fileno()


def call_run(argv, limit):
    """Run a program to its end: [exit status, output], standard output and error together, cut at `limit` bytes."""
    child, output = program(argv, limit)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output]


def program(argv, limit):
    """Start a program, and read all of its output: its process, which nobody has waited for, and the output."""
    reader, writer = os.pipe()
    worker = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            die_with(worker)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            os.execve(argv[0], argv, dict(os.environ))
        except OSError as reason:
            os.write(2, str(reason).encode())
        finally:
            os._exit(127)
    os.close(writer)
    output = b""
    while chunk := os.read(reader, 65536):
        output = (output + chunk)[:limit]
    os.close(reader)
    return child, output


def run_delay(process):
    """The nanoseconds in which a process could run and waited for a processor; None if the kernel does not count them.

    See Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat.
    """
    try:
        with open(f"/proc/{process}/schedstat") as file:
            _, delay, slices = map(int, file.read().split())
    except (OSError, ValueError):
        return None
    return delay if slices else None


def call_start(argv):
    """Start a program and leave it running: its process id, once the new image is executing."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    worker = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            die_with(worker)
            os.execve(argv[0], argv, dict(os.environ))
        except OSError as reason:
            os.write(writer, struct.pack("=i", reason.errno))
        os._exit(127)
    os.close(writer)
    failure = os.read(reader, 4)
    os.close(reader)
    if failure:
        os.waitpid(child, 0)
        code = struct.unpack("=i", failure)[0]
        raise OSError(code, os.strerror(code))
    return child


def call_finish(child):
    """Kill a program that `start` left running, and wait for it: its exit status."""
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def call_become(uid, gid):
    """Give up root for good: groups, group, user, in this order, as each step needs root."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    die_with(os.getppid())


def call_mount(source, target, kind, flags, options):
    """mount(2)."""
    words = (encoded(source), encoded(target), encoded(kind), ctypes.c_ulong(flags), encoded(options))
    checked(libc.mount(*words))


def call_umount(target):
    checked(libc.umount2(encoded(target), 0))


def call_mount_in_steps(kind, target, options):
    """Mount by fsopen, one fsconfig for each [key, value], fsmount and move_mount, see fsopen(2)."""
    numbers = NUMBERS[os.uname().machine]
    context = checked(libc.syscall(ctypes.c_long(numbers["fsopen"]), encoded(kind), 1))
    try:
        for key, value in options:
            checked(libc.syscall(ctypes.c_long(numbers["fsconfig"]), context, 1, encoded(key), encoded(value), 0))
        checked(libc.syscall(ctypes.c_long(numbers["fsconfig"]), context, 6, None, None, 0))
        made = checked(libc.syscall(ctypes.c_long(numbers["fsmount"]), context, 1, 0))
    finally:
        os.close(context)
    try:
        checked(libc.syscall(ctypes.c_long(numbers["move_mount"]), made, b"", AT_FDCWD, encoded(target), 4))
    finally:
        os.close(made)


CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000


def call_own_mounts():
    """Make mounts from now on in a mount namespace of the process's own, which end with it."""
    checked(libc.unshare(CLONE_NEWNS))


def call_own_users():
    """Become root of a new user namespace, in which nobody else is, and of a mount namespace in it.

    A process that has given up root may not be dumped, and then could not write its own maps, see proc(5).
    """
    uid, gid = os.getuid(), os.getgid()
    checked(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    libc.prctl(PR_SET_DUMPABLE, ctypes.c_ulong(1))
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    die_with(os.getppid())


def call_store(path, data, mode):
    """Write a file in one message, for the parts of a check that are not its subject."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def call_load(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        pieces = []
        while piece := os.read(descriptor, 1 << 20):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def call_digest(path):
    """[CRC-32, size] of a file too large to send."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        checksum = size = 0
        while piece := os.read(descriptor, 1 << 20):
            checksum = binascii.crc32(piece, checksum)
            size += len(piece)
        return [checksum, size]
    finally:
        os.close(descriptor)


def overwrites(seed, count, size):
    """The places and the bytes of `count` small overwrites inside `size` bytes, which follow from `seed` alone.

    Half of them begin at a page, as a database's do. Every sixteen bytes say which overwrite and which
    part of it they are.
    """
    state = seed
    for turn in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        length = min(OVERWRITTEN[state >> 61], size)
        at = (state >> 8) % (size - length + 1)
        if state >> 60 & 1:
            at -= at % 4096
        yield at, b"".join(struct.pack("<QII", state, turn, unit) for unit in range(length // 16))


def call_overwrite(path, seed, count, mapped):
    """Make `overwrites` inside a file, by pwrite(2), or by stores into a shared mapping and msync(2)."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        size = os.fstat(descriptor).st_size
        if mapped:
            with mmap.mmap(descriptor, size) as memory:
                for at, data in overwrites(seed, count, size):
                    memory[at : at + len(data)] = data
                memory.flush()
            return
        for at, data in overwrites(seed, count, size):
            if os.pwrite(descriptor, data, at) != len(data):
                raise OSError(errno.EIO, "a write was cut short")
    finally:
        os.close(descriptor)


def call_let_go(path):
    """Write a file back and let its cached pages go: fsync(2), then posix_fadvise(2) with POSIX_FADV_DONTNEED."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def call_replace_often(source_directory, target, times):
    """Replace `target` by rename, `times` times over, each time with a new file of two equal halves."""
    for turn in range(times):
        name = source_directory + "/incoming"
        call_store(name, (b"%08d" % turn) * 2, 0o644)
        os.rename(name, target)


def call_append_often(path, record, times):
    """Open `path` with O_APPEND, write `record` `times` times over, close."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    for _ in range(times):
        os.write(descriptor, record)
    os.close(descriptor)


def call_repeat(times, call, *arguments):
    """Make one call `times` times, with the turn in place of `%d`: the count of each outcome, {"success": 3, ...}.

    It begins at a multiple of 20 ms of the machine's clock, so that processes that get the request one after another
    begin together.
    """
    outcomes = {}
    while time.monotonic() % 0.02 < 0.018:
        time.sleep(0.0005)
    while time.monotonic() % 0.02 >= 0.018:
        pass
    for turn in range(times):
        words = [word.replace("%d", str(turn)) if isinstance(word, str) else word for word in arguments]
        try:
            CALLS[call](*words)
            outcome = "success"
        except OSError as refused:
            outcome = errno.errorcode.get(refused.errno, str(refused.errno))
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def call_row(rows):
    """Make calls in order, each with errnos that it tolerates: [turn, errno] of the first other refusal, or None."""
    for turn, (tolerated, name, *arguments) in enumerate(rows):
        try:
            CALLS[name](*arguments)
        except OSError as refused:
            if errno.errorcode.get(refused.errno) not in tolerated:
                return [turn, refused.errno or errno.EIO]
    return None


def call_tick():
    """Wait until the clock of file timestamps is past now, see clock_getres(2), CLOCK_REALTIME_COARSE.

    Now is that of the fine clock: from Linux 6.13 a timestamp is taken from it if the one before was queried, see
    Documentation/filesystems/multigrain-ts.rst.
    """
    begun = time.time_ns()
    while time.clock_gettime_ns(CLOCK_REALTIME_COARSE) <= begun:
        time.sleep(0.0002)


def call_timed(rows, directory=None):
    """Make calls one after another: [the nanoseconds of each, run delay]. [n] stands for the answer of row n.

    They are made in `directory`, and a relative path costs no walk to it: how deep it lies and what is mounted on the
    way is not among what is timed.
    """
    if directory is not None:
        os.chdir(directory)
    before = run_delay("self")
    taken = each_timed(rows)
    return [taken, None if before is None else run_delay("self") - before]


def each_timed(rows):
    """Make calls one after another; the nanoseconds of each."""
    taken, answers = [], []
    for name, *arguments in rows:
        call = CALLS[name]
        words = [answers[word[0]] if isinstance(word, list) else word for word in arguments]
        begun = time.perf_counter_ns()
        found = call(*words)
        taken.append(time.perf_counter_ns() - begun)
        answers.append(found)
    return taken


def call_timed_run(argv, limit, directory=None):
    """Run a program to its end, in `directory`: [exit status, output, nanoseconds from its fork to its end, run delay].

    The run delay leaves out the program's own children.
    """
    if directory is not None:
        os.chdir(directory)
    begun = time.perf_counter_ns()
    child, output = program(argv, limit)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    taken = time.perf_counter_ns() - begun
    delay = run_delay(child)  # before its process is gone
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output, taken, delay]


def call_counted(tracer, rows, argv, limit, directory=None):
    """Make the calls of `timed`, or run a program, in `directory` and a child under a tracer: [exit status, output].

    `tracer` is strace(1)'s command line without the process. The child waits for the tracer without a system call, so
    that the tracer sees the calls asked for and no other. If it cannot attach, the status is None, and the output is
    the tracer's.
    """
    if directory is not None:
        os.chdir(directory)
    reader, writer = os.pipe()
    worker = os.getpid()
    with mmap.mmap(-1, 1) as watched:
        child = os.fork()
        if child == 0:
            try:
                die_with(worker)
                libc.prctl(PR_SET_PTRACER, ctypes.c_ulong(-1))  # otherwise Yama lets only a parent trace it
                os.dup2(writer, 1)
                os.dup2(writer, 2)
                while not watched[0]:
                    pass
                if argv:
                    os.execve(argv[0], argv, dict(os.environ))
                each_timed(rows)
                os._exit(0)
            except Exception as reason:
                os.write(2, f"{type(reason).__name__}: {reason}".encode())
            finally:
                os._exit(127)
        os.close(writer)
        told, teller = os.pipe()
        tracing = os.fork()
        if tracing == 0:
            try:
                die_with(worker)
                os.dup2(teller, 1)
                os.dup2(teller, 2)
                os.execve(tracer[0], [*tracer, "-p", str(child)], dict(os.environ))
            except OSError as reason:
                os.write(2, str(reason).encode())
            finally:
                os._exit(127)
        os.close(teller)
        words = output = b""
        while b" attached" not in words and (piece := os.read(told, 4096)):
            words += piece
        attached = b" attached" in words
        if attached:
            watched[0] = 1
        else:
            os.kill(child, signal.SIGKILL)
        waiting = [reader, told]
        while waiting:
            for descriptor in select.select(waiting, [], [])[0]:
                piece = os.read(descriptor, 65536)
                if not piece:
                    os.close(descriptor)
                    waiting.remove(descriptor)
                elif descriptor == reader:
                    output = (output + piece)[:limit]
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.waitpid(tracing, 0)
    return [ended, output] if attached else [None, words]


def call_manifest(top, most=None):
    """All that an image carries of the files under `top`: {path: {"kind": ..., "mode": ..., ...}}.

    With `most`, also the number of links, and the checksum only of files of up to `most` bytes.
    """
    kinds = {0o010000: "fifo", 0o020000: "character device", 0o040000: "directory", 0o060000: "block device",
             0o100000: "file", 0o120000: "symlink", 0o140000: "socket"}  # fmt: skip
    found, names = {}, {}
    waiting = sorted(os.listdir(top))
    while waiting:
        path = waiting.pop(0)
        place = os.path.join(top, path)
        seen = os.lstat(place)
        kind = kinds[seen.st_mode & 0o170000]
        seconds, nanoseconds = divmod(seen.st_mtime_ns, 10**9)
        entry = {"kind": kind, "mode": f"{seen.st_mode & 0o7777:04o}", "owner": f"{seen.st_uid}:{seen.st_gid}",
                 "mtime": f"{seconds}.{nanoseconds:09d}"}  # fmt: skip
        for attribute in os.listxattr(place, follow_symlinks=False):
            entry[attribute] = os.getxattr(place, attribute, follow_symlinks=False).hex()
        if most is not None and kind != "directory":
            entry["links"] = str(seen.st_nlink)
        if kind == "file" and most is not None and seen.st_size > most:
            entry["size"] = str(seen.st_size)
        elif kind == "file":
            entry["checksum"], entry["size"] = (str(word) for word in call_digest(place))
        if kind == "symlink":
            entry["target"] = os.readlink(place)
        if kind.endswith("device"):
            entry["device"] = f"{os.major(seen.st_rdev)}:{os.minor(seen.st_rdev)}"
        if kind == "directory":
            waiting = sorted(path + "/" + name for name in os.listdir(place)) + waiting
        else:
            names.setdefault((seen.st_dev, seen.st_ino), []).append(path)
        found[path] = entry
    for group in names.values():
        for path in group[1:]:
            found[path]["same file as"] = group[0]
    return found


def call_look_often(path, seconds, least=20):
    """Open and read `path` again and again: [looks, times missing, times torn].

    It takes `seconds`; if `least` looks take longer, it goes on until they are done, up to ten times as long.
    """
    begun = time.monotonic()
    looks = missing = torn = 0
    while time.monotonic() < begun + seconds or (looks < least and time.monotonic() < begun + 10 * seconds):
        looks += 1
        try:
            data = call_load(path)
        except FileNotFoundError:
            missing += 1
            continue
        torn += data[: len(data) // 2] != data[len(data) // 2 :]
    return [looks, missing, torn]


CALLS = {
    "open": os.open, "close": os.close, "read": os.read, "write": os.write, "pread": os.pread, "pwrite": os.pwrite,
    "lseek": os.lseek, "ftruncate": os.ftruncate, "truncate": os.truncate, "fsync": os.fsync,
    "fdatasync": os.fdatasync, "stat": lambda path: status(os.stat(path)), "lstat": lambda path: status(os.lstat(path)),
    "fstat": lambda descriptor: status(os.fstat(descriptor)), "statx": call_statx, "statfs": call_statvfs_type,
    "statvfs": lambda path: list(os.statvfs(path)), "link": os.link, "linkat": call_linkat, "symlink": os.symlink,
    "readlink": os.readlink, "unlink": os.unlink, "rmdir": os.rmdir, "mkdir": os.mkdir, "mknod": os.mknod,
    "mkfifo": os.mkfifo, "rename": os.rename, "renameat2": call_renameat2, "chmod": os.chmod, "fchmod": os.fchmod,
    "chown": os.chown, "lchown": os.lchown, "utimens": call_utimens,
    "futimens": lambda descriptor, atime, mtime: os.utime(descriptor, ns=(atime, mtime)),
    "setxattr": lambda path, name, value, follow: os.setxattr(path, name, value, follow_symlinks=follow),
    "getxattr": lambda path, name, follow: os.getxattr(path, name, follow_symlinks=follow),
    "listxattr": lambda path, follow: sorted(os.listxattr(path, follow_symlinks=follow)),
    "removexattr": lambda path, name, follow: os.removexattr(path, name, follow_symlinks=follow),
    "getdents": call_getdents, "listdir": lambda path: sorted(os.listdir(path)), "chdir": os.chdir,
    "getcwd": os.getcwd, "umask": os.umask, "access": os.access, "fcntl": fcntl.fcntl, "flock": fcntl.flock,
    "record_lock": call_record_lock, "ioctl_flags": call_ioctl_flags, "ficlone": call_ficlone, "mmap": call_mmap,
    "munmap": call_munmap, "msync": call_msync, "peek": call_peek, "poke": call_poke, "mincore": call_mincore,
    "fallocate": lambda descriptor, offset, length: os.posix_fallocate(descriptor, offset, length),
    "fadvise": os.posix_fadvise, "copy_file_range": os.copy_file_range,
    "sendfile": lambda target, source, offset, count: os.sendfile(target, source, offset, count),
    "splice": os.splice if hasattr(os, "splice") else None, "pipe": lambda: list(os.pipe()),
    "inotify_init": lambda: checked(libc.inotify_init1(0o4000)),
    "inotify_add_watch": lambda fd, path, mask: checked(libc.inotify_add_watch(fd, encoded(path), mask)),
    "inotify_read": call_inotify_read, "name_to_handle": call_name_to_handle, "bind": call_bind,
    "connect": call_connect, "accept": call_accept, "run": call_run, "start": call_start, "finish": call_finish,
    "kill": os.kill, "getpid": os.getpid, "become": call_become, "store": call_store, "load": call_load,
    "digest": call_digest, "overwrite": call_overwrite, "let_go": call_let_go,
    "replace_often": call_replace_often, "look_often": call_look_often,
    "repeat": call_repeat, "timed": call_timed, "timed_run": call_timed_run, "manifest": call_manifest,
    "counted": call_counted, "row": call_row, "tick": call_tick,
    "append_often": call_append_often, "pread_aligned": call_pread_aligned, "pwrite_aligned": call_pwrite_aligned,
    "open_by_handle": call_open_by_handle, "fanotify_mark": call_fanotify_mark, "fanotify_read": call_fanotify_read,
    "fanotify_decide": call_fanotify_decide, "mount": call_mount, "umount": call_umount,
    "mount_in_steps": call_mount_in_steps, "own_mounts": call_own_mounts, "own_users": call_own_users,
    "fanotify_init": lambda flags: checked(libc.fanotify_init(flags, os.O_RDONLY)),
}  # fmt: skip


# --- frames


def pack(message):
    body = json.dumps(message, default=lambda data: {"b": binascii.b2a_base64(data, newline=False).decode()}).encode()
    return struct.pack(">I", len(body)) + body


def unpack(body):
    return json.loads(body, object_hook=lambda found: binascii.a2b_base64(found["b"]) if set(found) == {"b"} else found)


def send(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Inbox:
    """Splits a byte stream into frames."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.waiting = bytearray()  # a virtio-serial port delivers 4 KiB at a time, and a frame may have megabytes

    def frames(self):
        """The frames that one read completes; None at the end of the stream."""
        data = os.read(self.descriptor, 1 << 16)
        if not data:
            return None
        self.waiting += data
        found = []
        while len(self.waiting) >= 4:
            length = struct.unpack(">I", self.waiting[:4])[0]
            if length > LIMIT:
                raise SystemExit(f"a frame of {length} bytes is over the limit")
            if len(self.waiting) < 4 + length:
                break
            found.append(bytes(self.waiting[4 : 4 + length]))
            del self.waiting[: 4 + length]
        return found


# --- the worker and the relay

STRIKES = {"end": signal.SIGKILL, "where": signal.SIGUSR1}


def answer(request):
    reply = {"n": request["n"], "i": request["i"], "p": request["p"]}
    try:
        reply["r"] = CALLS[request["c"]](*request["a"])
    except OSError as refused:
        reply["e"] = refused.errno or errno.EIO
    except Exception as fault:
        reply["x"] = f"{type(fault).__name__}: {fault}"
    return reply


def work(descriptor, directory):
    """Serve one worker's calls until the relay closes its end of the socket."""
    os.umask(0o022)
    os.chdir(directory)
    inbox = Inbox(descriptor)
    while (frames := inbox.frames()) is not None:
        for frame in frames:
            send(descriptor, pack(answer(unpack(frame))))
    os._exit(0)


class Relay:
    """Passes frames between the controller and the workers, and reports when a worker dies."""

    def __init__(self):
        self.nonce = None  # that of the first frame: only the controller writes to this standard input
        self.workers = {}  # process number: (pid, our end of its socket pair)
        self.buried = set()  # numbers of dead processes whose notices have been sent
        self.poll = select.poll()

    def spawn(self, number, directory):
        ours, theirs = socket.socketpair()
        relay = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                die_with(relay)
                for _, other in self.workers.values():
                    other.close()
                ours.close()
                null = os.open("/dev/null", os.O_RDWR)
                os.dup2(null, 0)
                os.close(null)
                os.dup2(2, 1)  # nothing that a worker prints may reach the frames
                # A high number, so that the descriptors of a check have the same numbers each time.
                line = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, 512)
                theirs.close()
                work(line, directory)
            except BaseException as reason:
                os.write(2, f"process {number} in {directory}: {type(reason).__name__}: {reason}\n".encode())
            finally:
                os._exit(70)
        theirs.close()
        self.workers[number] = (pid, ours)
        self.poll.register(ours.fileno(), select.POLLIN)

    def strike(self, number, with_signal):
        if number in self.workers:
            os.kill(self.workers[number][0], with_signal)

    def serve(self):
        faulthandler.register(signal.SIGUSR1, file=2, all_threads=False)  # workers inherit it, programs do not
        inbox = Inbox(0)
        inboxes = {}
        self.poll.register(0, select.POLLIN)
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == 0:
                    frames = inbox.frames()
                    if frames is None:
                        return
                    for frame in frames:
                        self.forward(frame)
                    continue
                number = next(key for key, (_, ours) in self.workers.items() if ours.fileno() == descriptor)
                frames = None
                try:
                    frames = inboxes.setdefault(descriptor, Inbox(descriptor)).frames()
                except ConnectionResetError:
                    pass  # the worker died with an unread request: the end of the stream, too
                if frames is None:
                    inboxes.pop(descriptor)
                    self.bury(number)
                    continue
                for frame in frames:
                    send(1, struct.pack(">I", len(frame)) + frame)

    def forward(self, frame):
        request = unpack(frame)
        if self.nonce is None:
            self.nonce = request.get("n")
        if self.nonce is None or request.get("n") != self.nonce:
            return
        number = request["p"]
        if request["c"] == "spawn":
            self.spawn(number, *request["a"])
        elif request["c"] in STRIKES:
            self.strike(number, STRIKES[request["c"]])
        elif number in self.workers:
            try:
                send(self.workers[number][1].fileno(), struct.pack(">I", len(frame)) + frame)
            except BrokenPipeError:
                pass  # the worker is dead; the notice of its death will follow
        elif number not in self.buried:
            send(1, pack({"n": self.nonce, "i": request["i"], "p": number, "x": f"no process {number}"}))

    def bury(self, number):
        pid, ours = self.workers.pop(number)
        self.buried.add(number)
        self.poll.unregister(ours.fileno())
        ours.close()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        send(1, pack({"n": self.nonce, "p": number, "d": ended}))


def main(argv):
    if argv[1:] == ["--idle"]:
        # The container's first process: it does nothing, and it reaps what `docker exec` leaves behind.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            signal.pause()
    if argv[1:] == ["--modules"]:
        # The toolbox asks which files this program needs besides the interpreter.
        import codecs

        codecs.lookup("utf-8"), codecs.lookup("latin-1"), codecs.lookup("ascii")
        from importlib.machinery import PathFinder

        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or getattr(getattr(module, "__spec__", None), "origin", None)
            # A module that puts another one into its place, as collections.abc does, is a file nevertheless.
            parent = sys.modules.get(name.rpartition(".")[0])
            found = PathFinder.find_spec(name, getattr(parent, "__path__", None))
            for path in {file, getattr(found, "origin", None)}:
                if path and os.path.isabs(path):
                    print(path)
        return
    Relay().serve()


if __name__ == "__main__":
    main(sys.argv)
