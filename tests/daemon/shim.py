# SPDX-License-Identifier: GPL-2.0-or-later
"""The libraries that are preloaded into the daemon, and what they are told while it runs."""

import mmap
import os
import pathlib
import struct

BUILD = pathlib.Path(os.environ["CALICO_EXPOSED_BUILD"])
# As in shim/control.h.
FIELDS = ("allocations", "fail_first", "fail_count", "failed", "only_program",
          "protocol", "monitors", "sends", "receives", "spoil_send", "spoil_receive", "spoil_count", "spoiled",
          "reply", "error", "deny_owner",
          "clock_offset")
LOST, TRUNCATED, ERROR, FAILED = range(4)
NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER = 0, 4, 12
ALL = (1 << 63) - 1


class Shim:
    """shim.clock_offset = 5 sets what the daemon sees, shim.allocations is what it counted."""

    def __init__(self, host, directory, *names):
        path = pathlib.Path(directory, "shim")
        path.write_bytes(bytes(8 * len(FIELDS)))
        with open(path, "r+b") as file:
            self.__dict__["memory"] = mmap.mmap(file.fileno(), 8 * len(FIELDS))
        host.shims = [BUILD / "tests" / "daemon" / "shim" / f"shim-{name}.so" for name in names]
        host.environment["SHIM_CONTROL"] = str(path)

    def __getattr__(self, name):
        return struct.unpack_from("q", self.memory, 8 * FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("q", self.memory, 8 * FIELDS.index(name), value)

    def reset(self):
        """All is well, and nothing was counted."""
        self.memory[:] = bytes(8 * len(FIELDS))
