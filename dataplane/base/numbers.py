"""Numbers as JSON has them."""

from __future__ import annotations


def whole(value: object) -> object:
    """A whole number that is written with a fraction of 0 as an int; all else as it is.

    JSON knows one kind of numbers (RFC 8259, 6), and for JSON Schema 60.0 is an integer (draft
    2020-12, 4.2.3); clients whose numbers are all floating point send it.
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value
