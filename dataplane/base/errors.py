"""The one root of all errors that SecBeat raises on purpose.

Foreign errors are translated once, at the border, with ``raise ... from exc``. A message names the
thing, the value and the limit; it is meant to be read by an operator.
"""

from __future__ import annotations

from collections.abc import Sequence


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

    @property
    def each(self) -> Sequence[InvalidInputError]:
        """Everything that is wrong, one by one."""
        return (self,)

    @property
    def summary(self) -> str:
        """All of it on one line."""
        return str(self)

    @property
    def count(self) -> int:
        """How many things are wrong."""
        return 1

    def of(self, thing: str) -> InvalidInputError:
        """The same of a thing that each message names first."""
        named = [
            InvalidInputError(f"{thing}: {one}", field=one.field, value=one.value, limit=one.limit)
            for one in self.each
        ]
        return named[0] if self.count == 1 else InvalidInputsError(named, self.count)


class InvalidInputsError(InvalidInputError):
    """Input breaks several rules; of ``count`` mistakes, not all may be in ``each``.

    Field, value and limit are those of the first.
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
        """Those that are named."""
        return self._each

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    @property
    def summary(self) -> str:
        """How many there are, if not all are named; else all of them."""
        return self._lines[0] if self.count > len(self._each) else "; ".join(self._lines)


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
