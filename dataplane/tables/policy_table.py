"""A policy in the form of the packet path: profiles, and their targets.

One thread fills and builds it; then it is only read: by the stages, at ``address``. The code that
swaps ``abi.Node.policy`` closes the old table after every worker has moved on (`retired`).
"""

from __future__ import annotations

import ctypes

from dataplane.native import abi
from dataplane.native.native_table import NativeTable, check, declare

KEY_BYTES = 16


class PolicyTable(NativeTable):
    """The native policy, for ``abi.Node.policy``.

    ``targets_max``: room for so many targets, 0 to 65,536. Profile 0 is the default and has the
    modes of ``reasons.def``; the others are empty until filled. Raises NativeError (EINVAL,
    ENOMEM).
    """

    KIND = "policy"

    def __init__(self, library: ctypes.CDLL, targets_max: int = 0) -> None:
        super().__init__(_declare(library), f"policy of {targets_max} targets", targets_max)

    def profile(self, index: int) -> abi.Profile:
        """The profile to fill before ``build()``; valid until ``close()``. IndexError."""
        found = self._library.sb_policy_profile(self.address, index)
        if not found:
            raise IndexError(f"profile {index}, limit {abi.PROFILES_MAX - 1}")
        return abi.Profile.from_address(found)

    def add(self, index: int) -> abi.Profile:
        """The same as ``profile``, with the default mode of every reason."""
        profile = self.profile(index)
        self._library.sb_profile_init(ctypes.addressof(profile))
        return profile

    def target(self, key: bytes, prefix_length: int, index: int) -> None:
        """Add a target of a profile (16 bytes, IPv4 mapped; 0 to 128); the longest
        prefix decides."""
        result = self._library.sb_policy_target(self.address, key, prefix_length, index)
        check(result, f"target {key.hex()}/{prefix_length} of profile {index}")

    def neighbor(self, key: bytes, prefix_length: int, protocols: int) -> None:
        """Add a neighbour, with its protocols (bit n: ``abi.Neighbor`` n).

        The longest prefix decides. NativeError: more than ``abi.NEIGHBORS_MAX``, or no protocol.
        """
        result = self._library.sb_policy_neighbor(self.address, key, prefix_length, protocols)
        check(result, f"neighbour {key.hex()}/{prefix_length}, protocols {protocols:#x}")

    def build(self, salt_key: bytes) -> None:
        """Call once, after everything is filled. ``salt_key``: 16 bytes, the same for the process's
        life."""
        if len(salt_key) != KEY_BYTES:
            raise ValueError(f"salt_key: {len(salt_key)} bytes, must be {KEY_BYTES}")
        check(self._library.sb_policy_build(self.address, salt_key), "policy")

    def select(self, address: bytes) -> int:
        """Index of the profile of a protected address (16 bytes, IPv4 mapped)."""
        return int(self._library.sb_policy_select(self.address, address))

    @property
    def bytes(self) -> int:
        """Memory in use."""
        return int(self._library.sb_policy_bytes(self.address))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u32, text = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p
    return declare(
        library,
        "policy",
        ("create", ctypes.c_int, u32, pointer),
        ("destroy", None, pointer),
        ("profile", pointer, pointer, u32),
        ("target", ctypes.c_int, pointer, text, u32, u32),
        ("neighbor", ctypes.c_int, pointer, text, u32, u32),
        ("build", ctypes.c_int, pointer, text),
        ("select", u32, pointer, text),
        ("bytes", ctypes.c_uint64, pointer),
    )
