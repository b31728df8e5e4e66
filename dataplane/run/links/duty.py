"""Watches the links of both ports, and holds those that `LinkMachine` selects: a duty of the loop.

It also runs the drain, which mostly concerns links. It writes ``links``, ``drain`` and the link
fields of each device on the stats page. DPDK's driver sets a link, or the kernel for a port on one
of its interfaces. At the start every link is set up: this shows whether it can be set, and releases
links that an earlier data plane has held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dataplane.base.clock import Clock
from dataplane.base.errors import NativeError
from dataplane.base.logs import Log
from dataplane.base.settings import DrainSettings
from dataplane.native import abi
from dataplane.run.links.drain import DrainMachine
from dataplane.run.links.machine import LinkMachine

_log = Log()
Notice = Callable[[abi.NoticeKind, int], None]


class PortLink(Protocol):
    """Sets the link of one port."""

    def set_link(self, *, up: bool) -> None:
        """Raises NativeError if the link can't be set."""
        ...


class Links:
    """The links of both ports; one object per process."""

    def __init__(
        self,
        header: abi.StatsHeader,
        setters: Sequence[PortLink],
        pages: Sequence[abi.LcoreStats],
        clock: Clock,
        *,
        hold_ms: int | None,
        drain: DrainSettings,
    ) -> None:
        """``pages``: of the workers; ``hold_ms``: see `LinkMachine`."""
        self.notice: Notice = lambda _kind, _value: None
        """Sends to the events client; it is created later than this object."""
        self.learn: Callable[[], None] = lambda: None
        """Called when traffic may return that used another path meanwhile."""
        self._header = header
        self._setters = setters
        self._clock = clock
        self._pages = pages
        self._machine = LinkMachine(hold_ms, clock.boot_ms(), may_drain=drain.takes_links_down)
        self._drain = DrainMachine(drain)
        self._were_up = [True] * abi.PORT_COUNT
        self._held: frozenset[abi.Port] = frozenset()
        self._failed: dict[abi.Port, str] = {}
        header.links.loss_forwarding = int(hold_ms is not None)
        header.drain.takes_links_down = int(drain.takes_links_down)

    def start(self) -> None:
        """Call after the ports have started: set every link up, and learn where that is possible.

        On a draining node they are held again at once.
        """
        for port in abi.Port:
            can = self._set(port, up=True)
            self._machine.can_hold(port, can=can)
            self._header.device[port].link_can_be_held = int(can)
        if not self._machine.is_complete:
            _log.warning("links are to be taken down, and not every port's can be")
        if self._header.drain.wanted:
            self.turn()

    def turn(self) -> None:
        """Read the links, hold and release them, and publish the state."""
        now_ms, devices = self._clock.boot_ms(), self._header.device
        self._turn_drain(now_ms)
        up = [bool(device.link_up) for device in devices]
        self._machine.turn(now_ms, up, drains=self._drain.holds_links)
        self._carry_out()
        for port in self._held:
            devices[port].link_up = 0
        self._tell([bool(device.link_up) for device in devices])

    def close(self) -> None:
        """Forwarding has ended: release all links, except on a draining node."""
        for port in () if self._header.drain.wanted else self._held:
            self._set(port, up=True)
        self._held = frozenset()

    def _turn_drain(self, now_ms: int) -> None:
        told = self._header.drain
        if told.wanted:
            self._drain.turn(
                now_ms,
                proxied=sum(
                    page.connections.proxied + page.connections.opening for page in self._pages
                ),
                packets=sum(map(_packets, self._pages)),
                are_links_down=len(self._held) == abi.PORT_COUNT,
            )
        else:
            if told.state != abi.DrainState.OFF:
                self.learn()
            self._drain.end()
        if told.state != self._drain.state:
            _log.info("drain", state=self._drain.state.name.lower(), lost=self._drain.lost)
        told.state, told.quiet_ms = self._drain.state, self._drain.quiet_ms
        told.lost = self._drain.lost

    def _carry_out(self) -> None:
        wanted, were_held = self._machine.held, self._held
        for port in sorted(wanted ^ self._held):
            down = port in wanted
            if not self._set(port, up=not down):
                self._machine.can_hold(port, can=False)
                self._header.device[port].link_can_be_held = 0
                continue
            self._held ^= {port}
            self._header.device[port].link_held = int(down)
            kind = abi.NoticeKind.LINK_HELD if down else abi.NoticeKind.LINK_RELEASED
            self.notice(kind, port)
            _log.warning("link taken down" if down else "link released", port=port.name.lower())
        if were_held and not self._held:
            self.learn()

    def _set(self, port: abi.Port, *, up: bool) -> bool:
        try:
            self._setters[port].set_link(up=up)
        except NativeError as error:
            if self._failed.get(port) != str(error):  # a release is tried again every turn
                _log.info("link can't be set", port=port.name.lower(), error=str(error))
            self._failed[port] = str(error)
            return False
        return True

    def _tell(self, links: Sequence[bool]) -> None:
        for port in abi.Port:
            if links[port] != self._were_up[port]:
                _log.warning("link changed", port=port.name.lower(), up=links[port])
                self.notice(abi.NoticeKind.LINK_CHANGED, port)
        self._were_up = list(links)
        told = self._header.links
        told.state, told.since_boot_ms = self._machine.state, self._machine.since_ms
        told.losses = self._machine.losses
        drained = self._held if self._machine.state is abi.LinksState.DRAINED else frozenset()
        self._flag(
            abi.Degraded.LINK, on=not all(links[port] or port in drained for port in abi.Port)
        )
        self._flag(abi.Degraded.LINK_HOLD, on=not self._machine.is_complete)

    def _flag(self, flag: abi.Degraded, *, on: bool) -> None:
        others = self._header.degraded & ~flag
        self._header.degraded = others | flag if on else others


def _packets(page: abi.LcoreStats) -> int:
    """Received packets, without link control, frames that are not IP, and packets of neighbours."""
    received = sum(port.received for port in page.port)
    beside = sum(sum(page.link[port]) + sum(page.neighbor[port]) for port in abi.Port)
    return received - beside
