"""A pattern that is too dear, and a limit between it and others, on whatever machine this is."""

from __future__ import annotations

import pytest

from dataplane.waf.compiling import admission

DEAR = r"\w+\W+\w+\W+\w+\W+\w+zz"
"""On a text of z it keeps all of its states busy: 20 ns a byte of one CPU, 7 of another."""


def limit_between(patch: pytest.MonkeyPatch) -> None:
    """A quarter of what the yardstick takes here and now, which takes as much as `DEAR`.

    Others take less than a tenth. The real limit is a time, which a faster machine keeps with any
    pattern that a slower one does not.

    Compile helpers that are started then have it too.
    """
    patch.setattr(admission, "OWN_NS_MAX", 250)
    patch.setattr(admission, "YARDSTICK_NS", 1000)
