"""The kernel's overlayfs, on which several drivers are built: the parameters of its module.

What each does is in the kernel's Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

#: Parameters of the module that decide verdicts.
PARAMETERS = ("redirect_dir", "redirect_always_follow", "redirect_max", "index", "metacopy", "xino_auto",
              "nfs_export")  # fmt: skip
#: Those that are on or off. `redirect_max` is a length in bytes, of which a deviation's condition could say neither.
SWITCHES = tuple(name for name in PARAMETERS if name != "redirect_max")
