"""A search for text that ignores the case of ASCII letters, in the same way on both databases.

The ``lower`` of SQLite changes ASCII letters only. That of PostgreSQL depends on the collation: in
the collation ``C`` it does the same.
"""

from __future__ import annotations

import string
from typing import Any

from sqlalchemy import ColumnElement, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def has_text(where: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    """Whether the text occurs in ``where``; the case of ASCII letters is ignored."""
    return _AsciiLower(where).contains(text.translate(_LOWER), autoescape=True)


class _AsciiLower(FunctionElement[str]):
    """The text with its ASCII letters in lower case."""

    type = Text()
    name = "ascii_lower"
    inherit_cache = True


@compiles(_AsciiLower)
def _lower(element: _AsciiLower, compiler: Any, **how: Any) -> str:
    return f"lower({compiler.process(element.clauses, **how)})"


@compiles(_AsciiLower, "postgresql")
def _lower_in_c(element: _AsciiLower, compiler: Any, **how: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **how)}) COLLATE "C")'
