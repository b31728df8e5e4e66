"""The exit codes of ``secbeat``; above 63 they are those of sysexits.h."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of all commands."""

    OK = 0
    """Done; with ``status``: the node is healthy."""
    REFUSED = 1
    """The API refused the request, or rejected the change; or the answer to a question was no."""
    USAGE = 2
    """The command line is wrong."""
    NOT_HEALTHY = 3
    """``status``: the node answers, and is degraded or unhealthy."""
    DATA = 65
    """A file, a capture, an archive or a value of the command line has wrong content."""
    UNAVAILABLE = 69
    """The API can't be reached, or its data plane is away."""
    SOFTWARE = 70
    """The API had an internal error."""
    OS_ERROR = 71
    """``replay``: the packet path can't be set up."""
    CANNOT_CREATE = 73
    """``fleet database restore``: the database is in use by a fleet."""
    IO_ERROR = 74
    """The result can't be written; ``backup`` and ``fleet database``: a file can't be copied."""
    TRY_LATER = 75
    """Too many requests, no answer in time, or still pending when ``--timeout`` was over."""
    PROTOCOL = 76
    """The answer is not from a management API."""
    NO_PERMISSION = 77
    """The key is missing, unknown, or its role may not do this."""
    CONFIGURATION = 78
    """A configuration file is wrong."""
    INTERRUPTED = 130
    """Ctrl-C, or Ctrl-D at a question; the code that shells give SIGINT."""
    CLOSED_PIPE = 141
    """The reader of stdout has closed the pipe; the code that shells give SIGPIPE."""
