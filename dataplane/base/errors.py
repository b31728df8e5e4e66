"""The one root of all errors that SecBeat raises on purpose.

Foreign errors are translated once, at the border, with ``raise ... from exc``. A message names the
thing, the value and the limit; it is meant to be read by an operator.
"""

from __future__ import annotations


class SecBeatError(Exception):
    """An error with what each border needs: an HTTP status and a process exit code (sysexits.h)."""

    http_status = 500
    exit_code = 70


class InvalidInputError(SecBeatError):
    """Input breaks a rule; ``field`` and ``value`` name what, ``limit`` the rule."""

    http_status = 422
    exit_code = 65

    def __init__(self, message: str, *, field: str, value: object = None, limit: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.limit = limit


class ConfigurationError(SecBeatError):
    """The configuration names something that can't be."""

    exit_code = 78


class DataplaneAwayError(SecBeatError):
    """No data plane answers on its socket, or it went away."""

    http_status = 503
    exit_code = 69


class LeaseBusyError(SecBeatError):
    """Another client holds the lease, and did not give it back in time."""

    http_status = 503
    exit_code = 75


class NativeError(SecBeatError):
    """A call into libsecbeat or DPDK failed; carries its errno."""

    exit_code = 71

    def __init__(self, message: str, errno: int) -> None:
        super().__init__(message)
        self.errno = errno
