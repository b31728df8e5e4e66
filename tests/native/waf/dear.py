"""A pattern that is too dear, and a limit between it and others, on whatever machine this is."""

from __future__ import annotations

import pytest

from dataplane.waf.compiling import admission
from dataplane.waf.compiling.admission import Candidate, Examination
from dataplane.waf.compiling.engine import Engine

DEAR = r"\w+\W+\w+\W+\w+\W+\w+zz"
"""On a text of z it keeps all of its states busy: 20 ns a byte of one CPU, 7 of another."""


def limit_between(engine: Engine, patch: pytest.MonkeyPatch) -> int:
    """Half of what `DEAR` takes here for its own text; others take less than a seventh. The real
    limit is a time, which a faster machine keeps with any pattern that a slower one does not.

    Compile helpers that are started then have it too.
    """
    patch.setattr(admission, "OWN_NS_MAX", -1)
    (found,) = Examination(engine, [Candidate(DEAR, ("any",))]).run()
    assert found.refusal is not None
    limit_ns = int(found.refusal.split()[2]) // 2
    patch.setattr(admission, "OWN_NS_MAX", limit_ns)
    return limit_ns
