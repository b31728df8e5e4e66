"""Numbers in JSON."""

from __future__ import annotations


def whole(value: object) -> object:
    """Convert a whole number with a fraction of 0 to an int; returns other values unchanged.

    JSON has only one kind of number (RFC 8259, 6), and for JSON Schema 60.0 is an integer (draft
    2020-12, 4.2.3); clients whose numbers are all floating point send it.
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value
