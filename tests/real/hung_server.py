"""A FUSE server that mounts a file system at its argument, and never answers what is asked of it. Run by path."""

import ctypes
import os
import struct
import sys

#: struct fuse_in_header, fuse_out_header and fuse_init_out of the kernel's include/uapi/linux/fuse.h.
ASKED, ANSWER, INITIAL = struct.Struct("=IIQQIIII"), struct.Struct("=IiQ"), struct.Struct("=IIIIHHIIHHI28x")
FUSE_INIT = 26

libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
if libc.mount(b"hung", sys.argv[1].encode(), b"fuse.hung", 0, options):
    raise OSError(ctypes.get_errno(), "mount")
while True:
    request = os.read(device, 1 << 20)
    _, call, unique, *_ = ASKED.unpack_from(request)
    if call == FUSE_INIT:
        answer = INITIAL.pack(7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0)
        os.write(device, ANSWER.pack(ANSWER.size + len(answer), 0, unique) + answer)
        os.write(1, b"mounted\n")
