"""The kernel's log: what means a bug, and what only looks like one."""

import pytest

from roadworthy.machines.kernel_log import KernelLog, bug, spoken

BUGS = [
    "kernel BUG at fs/overlayfs/copy_up.c:431!",
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "BUG: unable to handle page fault for address: ffffb1c0c0a5d000",
    "BUG: soft lockup - CPU#1 stuck for 26s! [dockerd:2214]",
    "BUG: KASAN: slab-use-after-free in ovl_copy_up_flags+0x1a/0x40 [overlay]",
    "BUG kmalloc-64 (Tainted: G    B  ): Objects remaining in kmalloc-64 on __kmem_cache_shutdown()",
    "Oops: 0002 [#1] PREEMPT SMP PTI",
    "Oops: general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] SMP NOPTI",
    "general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP",
    "general protection fault: 0000 [#1] SMP PTI",
    "Internal error: Oops: 0000000096000004 [#1] SMP",
    "UBSAN: array-index-out-of-bounds in fs/ext4/super.c:2112:9",
    "------------[ cut here ]------------",
    "WARNING: possible circular locking dependency detected",
    "WARNING: possible recursive locking detected",
    "WARNING: suspicious RCU usage",
    "WARNING: CPU: 1 PID: 812 at fs/overlayfs/inode.c:1034 ovl_get_inode+0x5b9/0x6f0 [overlay]",
    "INFO: task python3:4711 blocked for more than 120 seconds.",
    "EXT4-fs error (device loop3): ext4_lookup:1855: inode #131: comm python3: deleted inode referenced: 143",
    "XFS (loop1): Metadata corruption detected at xfs_agf_read_verify+0xce/0x120 [xfs], xfs_agf block 0x1",
    "XFS (loop1): Corruption of in-memory data (0x8) detected at xfs_trans_cancel+0x15e/0x180",
    "BTRFS error (device loop2): bad tree block start, mirror 1 want 30539776 have 0",
    "BTRFS critical (device loop2): corrupt leaf: root=5 block=30408704 slot=5",
]

LOOKALIKES = [
    "ODEBUG: selftest passed",
    "FAULT_INJECTION: forcing a failure.",
    "usb 1-1: DEBUG: endpoint 3 halted",
    "traps: python3[4711] general protection fault ip:7f1c2a0 sp:7ffd3c8 error:0 in libc.so.6[7f1c000+155000]",
    "python3[4711]: segfault at 8 ip 00007f1c sp 00007ffd error 4 in libc.so.6[7f1c000+155000]",
    "python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    "Call Trace:",
    "Memory cgroup out of memory: Killed process 4711 (python3) total-vm:10240kB, anon-rss:8192kB",
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,task=python3,pid=4711,uid=0",
    "overlayfs: upper fs does not support RENAME_WHITEOUT.",
    "overlayfs: fs on '/l/A' does not support file handles, falling back to index=off,nfs_export=off.",
    "EXT4-fs (loop3): mounted filesystem 2f6b with ordered data mode. Quota mode: none.",
    "EXT4-fs (loop3): re-mounted 2f6b. Opts: errors=remount-ro",
    "XFS (loop1): Mounting V5 Filesystem 0ab1",
    "BTRFS info (device loop2): using crc32c (crc32c-intel) checksum algorithm",
    "BTRFS warning (device loop2): read-write for sector size 4096 with page size 65536 is experimental",
    "loop3: detected capacity change from 0 to 16777216",
    "device-mapper: thin: 253:4: reached low water mark for data device: sending event.",
    "audit: type=1400 audit(1.2:3): apparmor=\"DENIED\" operation=\"mount\"",
    "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
    "debugfs: Directory 'BUG:' with parent 'block' already present!",
    "aufs au_opts_verify:763:dockerd[238]: dirperm1 breaks the protection by the permission bits on the lower branch",
    "aufs may_rename_srcdir:561:python3[9]: renaming dir who has child(ren) on multiple branches, is not supported",
    "",
]  # fmt: skip


@pytest.mark.parametrize("line", BUGS, ids=range(len(BUGS)))
def test_a_bug_of_the_kernel_is_seen(line):
    """A line that a kernel prints for a bug of its own is one, wherever it stands among others."""
    assert bug([line]) == line
    assert bug(["eth0: link up", f"[12.3] {line}", "eth0: link down"]).endswith(line)


@pytest.mark.parametrize("line", LOOKALIKES, ids=range(len(LOOKALIKES)))
def test_F19_what_only_looks_like_one_is_not(line):
    """Lines with the same words, about programs, mounts and self tests, are no bugs."""
    assert bug([line]) == ""


def test_the_first_bug_is_told():
    """Of several bugs the first one is the cause."""
    assert bug(["fine", BUGS[0], BUGS[1]]) == BUGS[0]
    assert bug([]) == ""


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (b"4,1234,5678901,-;BUG: kernel NULL pointer\n SUBSYSTEM=block\n DEVICE=b7:0\n", "BUG: kernel NULL pointer"),
        (b"6,1,2,c;continued\n", "continued"),
        (b"6,1,2,-,caller=T1;text; with; semicolons\n", "text; with; semicolons"),
        (b"3,1,2,-;bytes \xff\n", "bytes \N{REPLACEMENT CHARACTER}"),
        (b"6,1,2,-;\n", ""),
    ],
    ids=range(5),
)
def test_a_record_is_its_first_line(record, line):
    """Of a record of /dev/kmsg the message is kept, without prefix and dictionary."""
    assert spoken(record) == line


@pytest.mark.parametrize(
    "record", [b"12,1,2,-;BUG: kernel NULL pointer\n", b"30,1,2,-;systemd[1]: BUG: x\n", b"", b"x"], ids=range(4)
)
def test_what_a_program_wrote_into_the_log_is_not_the_kernels(record):
    """Programs may write into the log; only records of the kernel's own facility count."""
    assert spoken(record) is None


def test_a_host_without_a_log_gives_no_lines(tmp_path):
    """Where the log cannot be read there is nothing to say, and closing twice is no trouble."""
    log = KernelLog(str(tmp_path / "nowhere"))
    assert log.lines() == []
    log.close()
    log.close()
