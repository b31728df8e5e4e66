"""The state log: transports the desired state from the API to the data plane, and survives restarts
of both.

A directory of generations. Each is a snapshot, ``<gen>.snapshot.ndjson``, and a log of the
following revisions, ``<gen>.log.ndjson``; the last two generations are kept. Imports are separate
files, ``import-<hint>.ndjson``, written before the log line that refers to them. The API is the
only writer (`StateLogWriter`); the data plane's group may read (`StateLogReader`).

Every file is NDJSON: each line one JSON value, ended by a newline (`dataplane.statelog.format`).
"""

from dataplane.statelog.changes import (
    Change,
    Import,
    Line,
    ListName,
    Overlay,
    Policy,
    Put,
    PutRule,
    Remove,
    RemoveRule,
    RuleRow,
    SetDrain,
    SetOverlays,
    SetPolicy,
)
from dataplane.statelog.entries import ImportFileWriter, State
from dataplane.statelog.files import StateLogError
from dataplane.statelog.reader import StateLogReader
from dataplane.statelog.writer import StateLogWriter

__all__ = [
    "Change",
    "Import",
    "ImportFileWriter",
    "Line",
    "ListName",
    "Overlay",
    "Policy",
    "Put",
    "PutRule",
    "Remove",
    "RemoveRule",
    "RuleRow",
    "SetDrain",
    "SetOverlays",
    "SetPolicy",
    "State",
    "StateLogError",
    "StateLogReader",
    "StateLogWriter",
]
