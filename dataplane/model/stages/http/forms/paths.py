"""The readings of a path: twin of ``stages/http/forms/forms_path.c``."""

from __future__ import annotations

import re

from dataplane.model.stages.http.forms.encodings import decode, fold
from dataplane.model.stages.http.forms.values import Fault, Form, Lines, no_lines

_BAD_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")


def path_lines(sent: bytes, faults: set[Fault]) -> Lines:
    """Lines that differ from the previous form; found faults are added to ``faults``."""
    lines = no_lines()
    if not sent.startswith(b"/"):
        return lines
    if _BAD_ESCAPE.search(sent):
        faults.add(Fault.PATH_ESCAPE)
    decoded = decode(sent, plus=False)
    resolved, climbs = resolve(decoded)
    if climbs:
        faults.add(Fault.PATH_ROOT)
    lines[Form.DECODED] = _different([decoded, resolved], sent)
    folded = fold(decoded, plus=False).replace(b"\\", b"/")
    last, _ = resolve(folded, has_parameters=True)
    lines[Form.FOLDED] = [folded] if folded != decoded else []
    if last not in (folded, resolved):
        lines[Form.FOLDED].append(last)
    return lines


def _different(readings: list[bytes], before: bytes) -> list[bytes]:
    found = []
    for one in readings:
        if one != before:
            found.append(one)
        before = one
    return found


def resolve(path: bytes, *, has_parameters: bool = False) -> tuple[bytes, bool]:
    """Normalise: ``//`` as ``/``, ``.`` and ``..`` removed (RFC 3986, section 5.2.4).

    ``has_parameters``: parts of a segment after its first ``;`` are removed too. The second result
    is whether a ``..`` went above the root, where it has no effect.
    """
    kept: list[bytes] = []
    climbs = False
    last = b""
    for segment in path.split(b"/")[1:]:
        last = segment.partition(b";")[0] if has_parameters else segment
        if last == b"..":
            climbs |= not kept
            kept = kept[:-1]
        elif last not in (b"", b"."):
            kept.append(last)
    is_directory = last in (b"", b".", b"..")
    return b"".join(b"/" + one for one in kept) + (b"/" if is_directory else b""), climbs
