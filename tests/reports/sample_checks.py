"""The rows of a sample run: families, behaviours and promises, as a conformance suite would name them."""

from __future__ import annotations

#: Family, then `behaviour: promise`, one a line.
PROMISES: dict[str, str] = {
    "identity": """
        ro-rw-same-inode: A file opened read-only and then read-write is the same file.
        ro-fd-sees-write: A descriptor opened before copy-up sees data written after it.
        ro-fd-sees-truncate: A descriptor opened before copy-up sees the new length.
        ro-fd-sees-append: A reader at the end of a file sees what another process appends.
        ino-stable-over-copy-up: Copy-up keeps the inode number of a file.
        ino-stable-over-restart: Stopping and starting the container keeps inode numbers.
        ino-unique: Two unrelated files never share device and inode number.
        dev-uniform: Files and directories of one mount report one device.
        maps-agree-with-stat: /proc/self/maps names the device and inode that fstat reports.
        locks-agree-with-stat: /proc/locks names the inode that fstat reports.
        rename-keeps-inode: Renaming a file of the image keeps its inode number.
        directory-inode-stable: Creating an entry in a directory of the image keeps its inode number.
    """,
    "copy-up": """
        open-copies-nothing: Opening a file for writing adds nothing to the writable layer.
        one-byte-write: Writing one byte adds at most one block to the writable layer.
        chmod-copies-no-data: Changing the mode of a file does not copy its data.
        second-write-is-free: The second write to a file copies nothing.
        content-intact: Data before and after the written byte is unchanged.
        larger-than-4g: Files around 4 GiB keep their size and end.
        holes-kept: A hole in a file of the image stays a hole.
        truncate-copies-nothing: Opening with O_TRUNC does not copy the data it discards.
        no-space-on-open: A full writable layer makes the write fail, not the open.
        concurrent-openers: Eight processes that open one file for writing see one file.
        xattrs-kept: User attributes survive copy-up.
        times-kept: Copy-up keeps the modification time to the nanosecond.
    """,
    "rename": """
        merged-directory: A directory of the image can be renamed within its parent.
        over-empty-directory: Renaming a directory over an empty one of the image replaces it.
        target-never-missing: A process that polls the target sees the old file or the new one, never none.
        exchange-files: RENAME_EXCHANGE swaps two files of different layers.
        exchange-directories: RENAME_EXCHANGE swaps two directories of the image.
        noreplace: RENAME_NOREPLACE leaves an existing target of the image alone.
        whiteout-left-behind: The old name does not come back after the rename.
        hard-links-same-file: Renaming one hard link over another of the same file changes nothing.
        descendant-refused: A directory cannot be renamed into itself.
        across-volume: Renaming from the container's layer to a volume answers EXDEV.
        symlink-renamed: A symbolic link of the image can be renamed, and still points where it did.
        open-file-follows: A descriptor keeps working after its file was renamed.
    """,
    "hard-links": """
        link-count: Linking a file of the image raises its link count by one.
        siblings-stay-one-file: Writing through one hard link of the image shows through the other.
        unlink-one-name: Removing one name leaves the other readable.
        link-after-copy-up: A file that was copied up can be linked.
        link-across-directories: A link may stand in another directory of the image.
        count-after-restart: Link counts survive a restart of the container.
        inode-shared: All names of one file report one inode number.
        directory-refused: A directory cannot be hard linked.
    """,
    "whiteouts": """
        removed-stays-removed: A file of the image that was removed stays removed.
        directory-recreated-empty: A directory that was removed and made again is empty.
        readdir-hides-whiteouts: A listing shows no whiteouts.
        opaque-after-rmdir: Entries of the lower directory do not shine through.
        device-0-0-refused: A process cannot forge a whiteout by making a device 0:0.
        wh-prefix-file: A file whose name begins with .wh. can be made and listed.
        removal-needs-no-copy: Removing a large file adds nothing to the writable layer.
        rmdir-nonempty-refused: A directory whose entries all come from the image is not empty.
        type-changed: A directory may take the place of a removed file, and a file that of a directory.
        deep-tree-removed: A tree of a thousand directories of the image can be removed.
    """,
    "metadata": """
        mode-kept: Mode bits of an image arrive in the container.
        owner-kept: Owner and group of an image arrive in the container.
        setuid-cleared-by-write: Writing to a set-uid file as another user clears the bit.
        mtime-nanoseconds: Modification times of an image keep their nanoseconds.
        atime-read-only: Reading a file of the image does not copy it up.
        ctime-moves: Changing the mode moves the change time forward.
        utimes-on-lower: Times of a file of the image can be set.
        directory-mtime: Making an entry moves the directory's modification time.
        umask-applied: A new file's mode follows the umask.
        chown-clears-setuid: Changing the owner clears set-uid.
    """,
    "xattr": """
        user-namespace: User attributes can be set and read back.
        trusted-overlay-hidden: The driver's own attributes are not visible in the container.
        large-value: An attribute of 64 KiB is kept, or refused with a reason.
        many-attributes: A hundred attributes on one file can be listed.
        capabilities-kept: File capabilities of an image arrive in the container.
        acl-kept: POSIX ACLs of an image arrive in the container.
        default-acl-inherited: A default ACL is inherited by new entries.
        remove-from-lower: An attribute of a file of the image can be removed.
    """,
    "locks": """
        flock-excludes: An exclusive flock keeps a second process out.
        posix-excludes: A POSIX record lock keeps a second process out.
        lock-survives-copy-up: A lock taken before copy-up still excludes after it.
        open-file-description: OFD locks belong to the description, not to the process.
        lease-broken: Opening a leased file for writing breaks the lease.
        deadlock-detected: Two processes that wait for each other are told EDEADLK.
    """,
    "mmap": """
        shared-sees-write: A shared mapping sees what write puts into the file.
        write-sees-shared: A read sees what a shared mapping stored.
        private-after-copy-up: A private mapping keeps its pages when the file is copied up.
        shared-before-copy-up: A shared read-only mapping made before copy-up sees later writes.
        beyond-end-faults: Touching a page beyond the end of the file raises SIGBUS.
        page-cache-shared: Two containers of one image share the pages of a file.
    """,
    "directories": """
        every-entry-once: A listing of merged layers shows each name once.
        seekdir-stable: A listing continues where telldir said it was.
        entry-types: Entry types agree with lstat.
        inode-agrees: Entry inode numbers agree with lstat.
        created-while-reading: An entry made while reading is shown once or not at all.
        ten-thousand: A directory of ten thousand entries over four layers lists completely.
        dot-dot: The parent entry names the parent.
        long-names: Names of 255 bytes can be made and listed.
    """,
    "open-unlinked": """
        unlinked-readable: A file that was removed stays readable through its descriptor.
        unlinked-writable: A file of the image that was removed stays writable through its descriptor.
        link-back: A file made with O_TMPFILE can be given a name.
        exclusive-create: O_EXCL refuses a name that exists in the image.
        direct-io: O_DIRECT works, or is refused at open.
        path-descriptor: O_PATH opens a file of the image without copying it.
        append-atomic: Two appenders never overwrite each other.
        nofollow: O_NOFOLLOW refuses a symbolic link.
    """,
    "space": """
        statfs-agrees: Free space as reported matches what can be written.
        size-limit-enforced: A container's size limit makes the write fail with ENOSPC or EDQUOT.
        freed-after-removal: Removing a file gives its space back to the host.
        inodes-freed: Removing files gives their inodes back.
        fallocate: Space reserved with fallocate can be written.
        punch-hole: Punching a hole frees blocks.
    """,
    "images": """
        commit-keeps-tree: Committing a container keeps its tree.
        sub-second-mtime: Committing a container keeps sub-second times.
        diff-lists-changes: docker diff lists what changed, and nothing else.
        save-load-round-trip: Saving and loading an image keeps its tree.
        export-complete: Exporting a container contains every file.
        sockets-skipped: A socket in the tree does not break a commit.
        depth-of-layers: An image of 120 layers starts.
        whiteout-in-image: A whiteout in a layer removes the file of an older one.
    """,
    "durability": """
        fsync-reaches-device: fsync on a new file flushes the device.
        fsync-directory: fsync on a directory makes a rename durable.
        kill-daemon: Files written before the daemon was killed are there after.
        power-cut-after-fsync: Data that was synced survives a power cut.
        power-cut-copy-up: A power cut during copy-up leaves the old file or the new one.
        syncfs: syncfs flushes the device.
    """,
}


def listed() -> list[tuple[str, str, str]]:
    """Return (family, check id, promise) of each row, in order."""
    found = []
    for family, lines in PROMISES.items():
        for line in lines.strip().splitlines():
            behaviour, promise = line.strip().split(": ", 1)
            found.append((family, f"{family}/{behaviour}", promise))
    return found
