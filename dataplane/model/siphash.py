"""SipHash-2-4: a keyed hash; without the key its result is unpredictable.

Jean-Philippe Aumasson and Daniel J. Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012;
the steps below are those of its section 2. Sums are modulo 2^64.
"""

from __future__ import annotations

MASK = (1 << 64) - 1
WORD_BYTES = 8
COMPRESSION_ROUNDS = 2
FINALIZATION_ROUNDS = 4


def siphash_2_4(key: tuple[int, int], message: bytes) -> int:
    """The 64-bit hash of a message, with a key of two 64-bit words."""
    state = [
        key[0] ^ 0x736F6D6570736575,
        key[1] ^ 0x646F72616E646F6D,
        key[0] ^ 0x6C7967656E657261,
        key[1] ^ 0x7465646279746573,
    ]
    for word in _words(message):
        state[3] ^= word
        for _ in range(COMPRESSION_ROUNDS):
            state = _round(*state)
        state[0] ^= word
    state[2] ^= 0xFF
    for _ in range(FINALIZATION_ROUNDS):
        state = _round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _words(message: bytes) -> list[int]:
    """Little-endian words; the last one has the remaining bytes and, at the top, the length modulo
    256."""
    padding = bytes(-(len(message) + 1) % WORD_BYTES)
    padded = message + padding + bytes([len(message) % 256])
    starts = range(0, len(padded), WORD_BYTES)
    return [int.from_bytes(padded[at : at + WORD_BYTES], "little") for at in starts]


def _round(v0: int, v1: int, v2: int, v3: int) -> list[int]:
    v0 = (v0 + v1) & MASK
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 = (v2 + v3) & MASK
    v3 = _rotate(v3, 16) ^ v2
    v0 = (v0 + v3) & MASK
    v3 = _rotate(v3, 21) ^ v0
    v2 = (v2 + v1) & MASK
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return [v0, v1, v2, v3]


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> (64 - bits)) & MASK
