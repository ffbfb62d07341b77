"""The kernel's overlayfs, on which several drivers are built: the parameters of its module.

The kernel's Documentation/filesystems/overlayfs.rst describes them.
"""

from __future__ import annotations

#: Parameters of the module on which verdicts depend.
PARAMETERS = ("redirect_dir", "redirect_always_follow", "redirect_max", "index", "metacopy", "xino_auto",
              "nfs_export")  # fmt: skip
#: Parameters that are on or off, as a deviation's condition says; `redirect_max` is a length in bytes.
SWITCHES = tuple(name for name in PARAMETERS if name != "redirect_max")
