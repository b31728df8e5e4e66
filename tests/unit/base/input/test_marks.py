"""Byte order marks."""

from __future__ import annotations

import pytest

from dataplane.base.input.marks import decoded, without_marks

MARK = "\ufeff"


def test_marks_at_the_start_of_lines_are_removed_and_the_lines_stay() -> None:
    text = f"{MARK}a\r\n{MARK}{MARK}\n\n{MARK}é\n".encode()
    assert without_marks(text) == "a\r\n\n\né\n".encode()
    assert decoded(text) == "a\r\n\n\né\n"


def test_a_mark_within_a_line_is_named() -> None:
    with pytest.raises(ValueError, match=r"U\+FEFF\) at line 2, column 4: "):
        decoded(f"{MARK}a\n{MARK}é #{MARK}b\n".encode())


def test_another_encoding_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        decoded("a".encode("utf-16"))
