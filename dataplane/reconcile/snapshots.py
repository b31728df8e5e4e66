"""Puts the entries and rules of a snapshot into the tables; unchanged ones stay in force all the
time.

The reconciler steps it, and applies the other content of the snapshot.
"""

from __future__ import annotations

from dataplane.reconcile.applying import Tables
from dataplane.reconcile.work import NEXT_TURN, Work
from dataplane.statelog.opened import EntriesFile

_SWEEP_BUDGET = 4096
_ROOM_TURNS_MAX = 32


def fill(tables: Tables, snapshot: EntriesFile) -> Work:
    """Make the tables what a snapshot says."""
    revision = snapshot.revision
    tables.begin_generation()
    complete = True
    for chunk in snapshot.chunks():
        complete = tables.put_reloaded(chunk) and complete
        yield None
    while tables.lists.sweep(_SWEEP_BUDGET):
        yield None
    while not tables.commit(revision):
        yield None
    if not complete:
        yield from _put_again(tables, snapshot)
    for rows in snapshot.rule_chunks():
        tables.rules.put(rows, revision)
        yield None
    tables.rules.sweep()


def _put_again(tables: Tables, snapshot: EntriesFile) -> Work:
    """Put entries again that had no room beside the older generation, or reject them."""
    turns_left = _ROOM_TURNS_MAX
    for chunk in snapshot.chunks():
        while turns_left and not tables.put_reloaded(chunk):
            turns_left -= 1
            yield NEXT_TURN  # a worker may still hold swept memory
        if not turns_left:
            tables.put_bulk(chunk, snapshot.revision)
        yield None
    while not tables.commit(snapshot.revision):
        yield None
