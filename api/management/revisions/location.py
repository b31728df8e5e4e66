"""The address at which a client queries the state of a change."""

from __future__ import annotations


def location(revision: int) -> dict[str, str]:
    """The header Location of an answer that is sent before the change is in force."""
    return {"Location": f"/api/v1/revisions/{revision}"}
