"""Reads from the statistics pages for which addresses the SYN proxy is on. Reads only, never
writes."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

from dataplane.base.networks import address_text
from dataplane.native import abi
from dataplane.shared.stats import Protected, SynProxyOn

_TRIES_MAX = 8
_FIRST: int = abi.StatsHeader.syn_proxy_on.offset
_BYTES = ctypes.sizeof(abi.SynProxyOn)


def read_protected(view: memoryview, profiles: Mapping[int, str]) -> SynProxyOn:
    """``profiles``: their names by index."""
    told = abi.SynProxyOn()
    for _ in range(_TRIES_MAX):
        told = abi.SynProxyOn.from_buffer_copy(view[_FIRST : _FIRST + _BYTES])
        if told.version % 2 == 0:
            break
    shown = told.shown[: min(told.count, abi.PROTECTED_SHOWN)]
    found = (_protected(each, profiles) for each in shown)
    return SynProxyOn(told.count, tuple(dict.fromkeys(found)))


def _protected(raw: abi.Protected, profiles: Mapping[int, str]) -> Protected:
    address = bytes(raw.address)
    name = profiles.get(raw.profile, f"profile {raw.profile}")
    return Protected(name, address_text(address) if any(address) else None)
