"""Applies rules of the WAF to a request: to each of its values, in each form.

Rules here are patterns of `re`, for all profiles, which block; for simple patterns they match like
those of the engine. For the use of the engine see ``inspect.c``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dataplane.model.stages.http.forms.bodies import Body, Kind, values_of_body
from dataplane.model.stages.http.forms.head import Head, values_of_head
from dataplane.model.stages.http.forms.values import Values
from dataplane.model.stages.http.framing.request import Progress, Request

Rules = Sequence[re.Pattern[bytes]]


def values_of(request: Request, head: bytes, *, is_head: bool) -> Values:
    """The values of a head, or of the arrived part of a body."""
    if is_head:
        pairs = [(one.name, one.value) for one in request.headers]
        return values_of_head(Head(head, request.method, request.path, request.query, pairs))
    trailers = [(one.name, one.value) for one in request.trailers]
    is_whole = request.progress is Progress.COMPLETE
    kind = Kind(request.content)
    return values_of_body(Body(request.body, kind, request.boundary, trailers, is_whole))


def is_hit(rules: Rules, values: Values) -> bool:
    """Whether a rule matches."""
    return any(rule.search(text) for rule in rules for text in values.text.values())


def faults_of(values: Values) -> set[str]:
    """Faults by the names of framing faults."""
    return {fault.value.upper() for fault in values.faults}
