"""Link-loss forwarding as a state machine: when a port's link is held down.

A router detects that its own link is down, but not that the path ends behind the node. So when one
port loses its link, the other port's link is taken down at once. Both return together, and not
before the hold time since the loss is over, so that a flapping link causes at most one change per
hold time. A held port can't show whether its cable has a link: after a release, links have
`SETTLE_MS` to come up before a port without a link counts as lost.

Pure: time and links are arguments; `dataplane.run.links.duty` sets the links.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dataplane.native import abi

SETTLE_MS = 10_000
"""A 1 Gbit/s copper port negotiates for 2 to 4 s, faster ports with training for longer."""


class LinkMachine:
    """Both ports; `turn` processes their links, `held` says which are to be down."""

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
        """Losses that were forwarded, since the start."""

    def can_hold(self, port: abi.Port, *, can: bool) -> None:
        """Set whether the port's link can be taken down; False by default."""
        self._can_hold[port] = can
        if not can:
            self.held -= {port}

    @property
    def is_complete(self) -> bool:
        """Whether every link that may have to be held can be held."""
        wants_none = self._hold_ms is None and not self._may_drain
        return wants_none or all(self._can_hold.values())

    def turn(self, now_ms: int, up: Sequence[bool], *, drains: bool = False) -> None:
        """One step.

        Args:
            up: for each port, whether it has a link; ignored for a held port.
            drains: both links are to be held, whatever their state.
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
        """If neither port has a link, no router is there to be informed."""
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
        """The lost link is back: release at once if the hold time is over, else hold it too."""
        if now_ms >= self._until_ms or _other(self._lost) not in self.held:
            self._enter(abi.LinksState.SETTLING, now_ms, ())
        else:
            self._enter(abi.LinksState.HOLDING, now_ms, abi.Port)

    def _enter(self, state: abi.LinksState, now_ms: int, held: Iterable[abi.Port]) -> None:
        self.state, self.since_ms = state, now_ms
        self.held = frozenset(port for port in held if self._can_hold[port])


def _other(port: abi.Port) -> abi.Port:
    return abi.Port.INSIDE if port is abi.Port.OUTSIDE else abi.Port.OUTSIDE
