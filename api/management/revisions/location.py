"""Where a client asks how far a change has come."""

from __future__ import annotations


def location(revision: int) -> dict[str, str]:
    """Header of an answer that is given before the change is in force."""
    return {"Location": f"/api/v1/revisions/{revision}"}
