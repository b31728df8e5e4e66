"""A policy as the packet path reads it: profiles, and the protected prefixes each is for.

Filled and built by one thread, then only read: by the stages, at ``address``. Whoever swaps
``abi.Node.policy`` closes the old one after every worker has gone on (`dataplane.profiles`).
"""

from __future__ import annotations

import ctypes
import os
from typing import Self

from dataplane import abi
from dataplane.errors import NativeError

KEY_BYTES = 16


class PolicyTable:
    """The native policy. A context manager; ``close()`` may be called again.

    ``targets_max``: room for so many protected prefixes, 0 to 65,536. Profile 0 is the default and
    has the modes of ``reasons.def``; the others are empty until filled. Raises NativeError (EINVAL,
    ENOMEM).
    """

    def __init__(self, library: ctypes.CDLL, targets_max: int = 0) -> None:
        self._address = 0
        self._library = _declare(library)
        out = ctypes.c_void_p()
        _check(
            library.sb_policy_create(targets_max, ctypes.byref(out)),
            f"policy of {targets_max} targets",
        )
        self._address = out.value or 0

    @property
    def address(self) -> int:
        """Address of the native object, for ``abi.Node.policy``; ValueError after close."""
        if not self._address:
            raise ValueError("policy: used after close()")
        return self._address

    def close(self) -> None:
        """Free it; no worker may be reading it any more."""
        if self._address:
            self._library.sb_policy_destroy(self._address)
            self._address = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def profile(self, index: int) -> abi.Profile:
        """A profile to fill before ``build()``; valid until ``close()``. IndexError."""
        found = self._library.sb_policy_profile(self.address, index)
        if not found:
            raise IndexError(f"profile {index}, limit {abi.PROFILES_MAX - 1}")
        return abi.Profile.from_address(found)

    def add(self, index: int) -> abi.Profile:
        """As ``profile``, with the default mode of every reason."""
        profile = self.profile(index)
        self._library.sb_profile_init(ctypes.addressof(profile))
        return profile

    def target(self, key: bytes, prefix_length: int, index: int) -> None:
        """Protect a prefix (16 bytes, IPv4 mapped; 0 to 128) by a profile; the longest decides."""
        result = self._library.sb_policy_target(self.address, key, prefix_length, index)
        _check(result, f"target {key.hex()}/{prefix_length} of profile {index}")

    def build(self, salt_key: bytes) -> None:
        """Once, when everything is filled. ``salt_key``: 16 bytes, one for the process's life."""
        if len(salt_key) != KEY_BYTES:
            raise ValueError(f"salt_key: {len(salt_key)} bytes, must be {KEY_BYTES}")
        _check(self._library.sb_policy_build(self.address, salt_key), "policy")

    def select(self, address: bytes) -> int:
        """Index of the profile of a protected address (16 bytes, IPv4 mapped)."""
        return int(self._library.sb_policy_select(self.address, address))

    @property
    def bytes(self) -> int:
        """Memory in use."""
        return int(self._library.sb_policy_bytes(self.address))


def _check(result: int, what: str) -> None:
    if result < 0:
        raise NativeError(f"{what}: {os.strerror(-result)}", -result)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u32, text = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p
    for name, restype, argtypes in (
        ("sb_policy_create", ctypes.c_int, [u32, pointer]),
        ("sb_policy_destroy", None, [pointer]),
        ("sb_policy_profile", pointer, [pointer, u32]),
        ("sb_policy_target", ctypes.c_int, [pointer, text, u32, u32]),
        ("sb_policy_build", ctypes.c_int, [pointer, text]),
        ("sb_policy_select", u32, [pointer, text]),
        ("sb_policy_bytes", ctypes.c_uint64, [pointer]),
    ):
        function = getattr(library, name)
        function.restype = restype
        function.argtypes = argtypes
    return library
