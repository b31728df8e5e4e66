"""A pattern whose compilation takes longer than the limit."""

from __future__ import annotations


def _words(count: int, salt: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "|".join(
        f"{letters[one % 26]}{letters[one * 7 // 26 % 26]}{(one * 31 + salt) % 10}"
        for one in range(count)
    )


SLOW = f"(?:{_words(500, 1)}){{3}}.*(?:{_words(450, 3)}){{2}}"
"""Compiles in 6 s on the fastest CPU seen here, and in about 15 s at 2.6 GHz; the limit is 2 s."""
