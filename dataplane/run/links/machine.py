"""When a port's link is kept down: link-loss forwarding as a state machine.

A router sees that its own link is down, and not that the path ends behind the node. So when one
port loses its link, the other's is taken down at once. Both come back together, and not before the
hold time since the loss is over, so that a link that flaps is seen to come and go once in a hold
time. A port that is kept down can't show whether its cable has a link: after a release links have
`SETTLE_MS` to come before a port without one counts as lost.

Pure: time and links are arguments; who takes links down is `dataplane.run.links.duty`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dataplane.native import abi

SETTLE_MS = 10_000
"""A copper port of 1 Gbit/s negotiates for 2 to 4 s, faster ones with training for more."""


class LinkMachine:
    """Both ports; `turn` looks, `held` says what is to be down."""

    def __init__(self, hold_ms: int | None, now_ms: int, *, may_drain: bool = False) -> None:
        """``hold_ms``: from 0; None: link-loss forwarding is off. ``may_drain``: see `turn`."""
        self._hold_ms = hold_ms
        self._may_drain = may_drain
        self._can_hold = dict.fromkeys(abi.Port, False)
        self._lost = abi.Port.OUTSIDE
        self._until_ms = now_ms
        self.state = abi.LinksState.SETTLING
        self.since_ms = now_ms
        self.held: frozenset[abi.Port] = frozenset()
        self.losses = 0
        """That were forwarded, ever."""

    def can_hold(self, port: abi.Port, *, can: bool) -> None:
        """Say whether somebody can take that port's link down; until then nobody can."""
        self._can_hold[port] = can
        if not can:
            self.held -= {port}

    @property
    def is_complete(self) -> bool:
        """Whether every link that might have to be held can be."""
        wants_none = self._hold_ms is None and not self._may_drain
        return wants_none or all(self._can_hold.values())

    def turn(self, now_ms: int, up: Sequence[bool], *, drains: bool = False) -> None:
        """One step.

        Args:
            up: of each port, whether it has a link; not heeded where it is held.
            drains: both are to be held, whatever links do.
        """
        if drains != (self.state is abi.LinksState.DRAINED):
            state = abi.LinksState.DRAINED if drains else abi.LinksState.SETTLING
            self._enter(state, now_ms, abi.Port if drains else ())
            return
        match self.state:
            case abi.LinksState.SETTLING if all(up) or now_ms - self.since_ms >= SETTLE_MS:
                self._enter(abi.LinksState.WATCHING, now_ms, ())
            case abi.LinksState.WATCHING:
                self._watch(now_ms, up)
            case abi.LinksState.LOST if up[self._lost]:
                self._return(now_ms)
            case abi.LinksState.HOLDING if not (self._lost in self.held or up[self._lost]):
                self._lose(now_ms)
            case abi.LinksState.HOLDING if now_ms >= self._until_ms:
                self._enter(abi.LinksState.SETTLING, now_ms, ())
            case _:
                pass

    def _watch(self, now_ms: int, up: Sequence[bool]) -> None:
        """Where neither port has a link there is nobody to be told."""
        lost = [port for port in abi.Port if not up[port]]
        if self._hold_ms is not None and len(lost) == 1:
            self._lost = lost[0]
            self._lose(now_ms)

    def _lose(self, now_ms: int) -> None:
        other = _other(self._lost)
        if self._can_hold[other] and other not in self.held:
            self.losses += 1
        self._until_ms = now_ms + (self._hold_ms or 0)
        self._enter(abi.LinksState.LOST, now_ms, (other,))

    def _return(self, now_ms: int) -> None:
        """The lost link is back: at once if the hold time is over, else it is held too."""
        if now_ms >= self._until_ms or _other(self._lost) not in self.held:
            self._enter(abi.LinksState.SETTLING, now_ms, ())
        else:
            self._enter(abi.LinksState.HOLDING, now_ms, abi.Port)

    def _enter(self, state: abi.LinksState, now_ms: int, held: Iterable[abi.Port]) -> None:
        self.state, self.since_ms = state, now_ms
        self.held = frozenset(port for port in held if self._can_hold[port])


def _other(port: abi.Port) -> abi.Port:
    return abi.Port.INSIDE if port is abi.Port.OUTSIDE else abi.Port.OUTSIDE
