"""Rules in force on a harness's node, compiled here: not as the product does it."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Self

from dataplane.native import abi
from dataplane.native.abi import WafAction, WafClass
from tests.native.harness import Harness

BLOCK_MODE, SINGLEMATCH, CASELESS, MULTILINE = 1, 8, 1, 4
ALIGNMENT = 64


class Rules:
    """A context manager; rule n, in slot n, is pattern n. ``is_ready``: False: none is in force."""

    def __init__(
        self,
        harness: Harness,
        patterns: Sequence[bytes],
        *,
        action: WafAction = WafAction.BLOCK,
        targets: Sequence[WafClass] = (WafClass.ANY,),
        is_ready: bool = True,
    ) -> None:
        self._harness, self._library = harness, harness.library
        for name in ("sb_waf_create", "sb_waf_set_create", "sb_waf_set_add", "sb_waf_set_build"):
            getattr(self._library, name).restype = ctypes.c_int
        self._waf, self._set = ctypes.c_void_p(), ctypes.c_void_p()
        assert self._library.sb_waf_create(ctypes.byref(self._waf)) == 0
        records = (abi.WafRule * len(patterns))(
            *(
                abi.WafRule(
                    number=slot + 1,
                    slot=slot,
                    deadline_ds=abi.DEADLINE_NEVER,
                    action=action,
                    is_enabled=1,
                )
                for slot in range(len(patterns))
            )
        )
        assert self._library.sb_waf_put(self._waf, records, len(patterns)) == 0
        assert self._library.sb_waf_set_create(1, ctypes.byref(self._set)) == 0
        self._images = []
        if patterns:
            self._images = [compiled(tuple(patterns))]
        for image, size in self._images:
            for target in targets:
                add = self._library.sb_waf_set_add
                assert add(self._set, target, ctypes.c_uint64(image), ctypes.c_uint64(size)) == 0
        build = self._library.sb_waf_set_build
        assert build(self._set, None, ctypes.c_bool(is_ready)) == 0
        harness.lcore.waf, harness.node.waf_set = self._waf.value or 0, self._set.value or 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._harness.lcore.waf = self._harness.node.waf_set = 0
        self._library.sb_waf_set_destroy(self._set)
        self._library.sb_waf_destroy(self._waf)


@functools.cache
def compiled(patterns: tuple[bytes, ...]) -> tuple[int, int]:
    """Address and size of a database, kept until the end of the process."""
    hs = ctypes.CDLL("libhs.so.5")
    count = len(patterns)
    flags = (ctypes.c_uint * count)(*[SINGLEMATCH | CASELESS | MULTILINE] * count)
    database, error = ctypes.c_void_p(), ctypes.c_void_p()
    result = hs.hs_compile_multi(
        (ctypes.c_char_p * count)(*patterns),
        *(flags, (ctypes.c_uint * count)(*range(count)), count, BLOCK_MODE, None),
        *(ctypes.byref(database), ctypes.byref(error)),
    )
    assert result == 0
    text, length, size = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    assert hs.hs_serialize_database(database, ctypes.byref(text), ctypes.byref(length)) == 0
    assert hs.hs_serialized_database_size(text, length, ctypes.byref(size)) == 0
    memory = ctypes.create_string_buffer(size.value + ALIGNMENT)
    address = -(-ctypes.addressof(memory) // ALIGNMENT) * ALIGNMENT
    assert hs.hs_deserialize_database_at(text, length, ctypes.c_void_p(address)) == 0
    _kept.append(memory)
    return address, size.value


_kept: list[ctypes.Array[ctypes.c_char]] = []
