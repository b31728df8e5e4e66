"""A pattern that compiles for longer than any pattern may."""

from __future__ import annotations


def _words(salt: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "|".join(
        f"{letters[one % 26]}{letters[one * 7 // 26 % 26]}{(one * 31 + salt) % 10}"
        for one in range(500)
    )


SLOW = f"(?:{_words(1)}).*(?:{_words(2)})"
"""Takes about four seconds (2.6 GHz)."""
