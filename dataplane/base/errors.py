"""The root class of all errors that SecBeat raises on purpose.

Errors of other libraries are translated once, at the boundary, with ``raise ... from exc``. A
message names the thing, the value and the limit; operators read it.
"""

from __future__ import annotations

from collections.abc import Sequence


class SecBeatError(Exception):
    """An error with an HTTP status and a process exit code (sysexits.h)."""

    http_status = 500
    exit_code = 70


class InvalidInputError(SecBeatError):
    """Invalid input; ``field`` and ``value`` name the input, ``limit`` the rule that it breaks."""

    http_status = 422
    exit_code = 65

    def __init__(self, message: str, *, field: str, value: object = None, limit: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.limit = limit

    @property
    def each(self) -> Sequence[InvalidInputError]:
        """All mistakes, one by one."""
        return (self,)

    @property
    def summary(self) -> str:
        """All mistakes on one line."""
        return str(self)

    @property
    def count(self) -> int:
        """The number of mistakes."""
        return 1

    def of(self, thing: str) -> InvalidInputError:
        """The same error with another name in front of each message."""
        named = [
            InvalidInputError(f"{thing}: {one}", field=one.field, value=one.value, limit=one.limit)
            for one in self.each
        ]
        return named[0] if self.count == 1 else InvalidInputsError(named, self.count)


class InvalidInputsError(InvalidInputError):
    """Input with several mistakes; ``each`` may not have all ``count`` of them.

    Field, value and limit are those of the first one.
    """

    def __init__(self, each: Sequence[InvalidInputError], count: int | None = None) -> None:
        self._each = tuple(each)
        self._count = len(self._each) if count is None else count
        first, lines = self._each[0], [str(one) for one in self._each]
        if self.count > len(lines):
            lines.insert(0, f"{self.count} mistakes, of which the first {len(lines)} are named")
        self._lines = lines
        super().__init__("\n".join(lines), field=first.field, value=first.value, limit=first.limit)

    @property
    def each(self) -> Sequence[InvalidInputError]:
        """The mistakes that are named."""
        return self._each

    @property
    def count(self) -> int:
        """The number of mistakes."""
        return self._count

    @property
    def summary(self) -> str:
        """The number of mistakes if not all are named; else all of them."""
        return self._lines[0] if self.count > len(self._each) else "; ".join(self._lines)


class ConfigurationError(SecBeatError):
    """The configuration has a setting that can't work."""

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
