"""The state of one lcore's SYN proxy, and the secrets of its cookies.

Made before the workers are launched, one table for each lcore; only that lcore reads and writes it.
"""

from __future__ import annotations

import ctypes
import hashlib
import hmac

from dataplane.base.settings import SynProxyCapacities
from dataplane.native import abi
from dataplane.native.native_table import NativeTable, declare
from dataplane.tables.lists import HASH_KEY_BYTES

SECRET_BYTES_MIN = 16


class SynProxyTable(NativeTable):
    """The native table, for ``abi.Lcore.syn_proxy``.

    ``hash_key``: 16 random bytes. Raises NativeError (EINVAL, ENOMEM).
    """

    KIND = "syn_proxy"

    def __init__(
        self, library: ctypes.CDLL, capacities: SynProxyCapacities, hash_key: bytes
    ) -> None:
        if len(hash_key) != HASH_KEY_BYTES:
            raise ValueError(f"hash_key: {len(hash_key)} bytes, must be {HASH_KEY_BYTES}")
        counts = capacities.openings_max, capacities.held_max
        super().__init__(_declare(library), f"room for {capacities}", *counts, hash_key)

    @property
    def bytes(self) -> int:
        """Memory reserved."""
        return int(self._library.sb_syn_proxy_bytes(self.address))


def protected_now(library: ctypes.CDLL, address: int, found: ctypes.Array[abi.Protected]) -> int:
    """The addresses for which an lcore's proxy is on; ``address``: of its table; returns their
    number.

    ``found`` gets as many as it has room for. May be called while the lcore runs.
    """
    return int(_declare(library).sb_syn_proxy_protected(address, found, len(found)))


class CookieSecrets:
    """Derives the secrets of each epoch from one that nodes may share.

    A secret is used for ``COOKIE_EPOCH`` slots of ``COOKIE_SLOT_S`` seconds. The next one is stored
    half an epoch before it is needed, so that no worker reads it during the write.
    """

    def __init__(self, node: abi.Node, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES_MIN:
            limit = f"must be at least {SECRET_BYTES_MIN}"
            raise ValueError(f"SYN cookie secret: {len(secret)} bytes, {limit}")
        self._node, self._secret = node, secret
        self._epochs: set[int] = set()

    def update(self, utc_ms: int) -> None:
        """Advance to the slot of a time; call at least once in each slot."""
        slot = utc_ms // (1000 * abi.COOKIE_SLOT_S)
        if slot == self._node.cookie_slot:
            return
        epoch, place = divmod(slot, abi.COOKIE_EPOCH)
        neighbour = epoch + 1 if place >= abi.COOKIE_EPOCH // 2 else epoch - 1
        wanted = {epoch, neighbour}
        for one in wanted - self._epochs:
            self._node.cookie_key[one % 2][:] = list(self.words(one))
        self._epochs = wanted
        self._node.cookie_slot = slot

    def words(self, epoch: int) -> tuple[int, int]:
        """HMAC-SHA-256 of the epoch's number under the shared secret, its first 16 bytes."""
        made = hmac.digest(self._secret, b"syn cookie" + epoch.to_bytes(8, "big"), hashlib.sha256)
        return int.from_bytes(made[:8], "little"), int.from_bytes(made[8:16], "little")


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    u32, pointer = ctypes.c_uint32, ctypes.c_void_p
    return declare(
        library,
        "syn_proxy",
        ("create", ctypes.c_int, u32, u32, ctypes.c_char_p, pointer),
        ("destroy", None, pointer),
        ("bytes", ctypes.c_uint64, pointer),
        ("protected", u32, pointer, ctypes.POINTER(abi.Protected), u32),
    )
