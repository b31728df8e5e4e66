"""The progress of a drain: a state machine beside that of the links.

A connection that the SYN proxy has opened needs this node, which translates its sequence numbers.
So a drain first waits, for a limited time, until those have ended. If it is configured and
possible, it then takes both links down, so that routers move all traffic at once. Else an operator
or load balancer has to move the traffic, and the drain waits until no packet has arrived for a
while. Packets are forwarded all the time. Proxied connections that are left at the end are lost
with the node, and counted.

Pure: time and counters are arguments.
"""

from __future__ import annotations

from dataplane.base.settings import DrainSettings
from dataplane.native import abi


class DrainMachine:
    """The drain of one node."""

    def __init__(self, settings: DrainSettings) -> None:
        self._settings = settings
        self._since_ms = self._quiet_since_ms = 0
        self._packets = -1
        self._has_waited = False
        self._lost_before = self._lost_now = 0
        self.state = abi.DrainState.OFF
        self.quiet_ms = 0

    @property
    def lost(self) -> int:
        """Proxied connections that were left when drains were complete, since the start."""
        return self._lost_before + self._lost_now

    @property
    def holds_links(self) -> bool:
        """Whether both links are to be held down."""
        return self._settings.takes_links_down and self._has_waited

    def turn(self, now_ms: int, *, proxied: int, packets: int, are_links_down: bool) -> None:
        """One step of a requested drain.

        Args:
            proxied: number of connections, now.
            packets: received since the start, without link control.
            are_links_down: both are held, so that no packet can arrive.
        """
        if self.state is abi.DrainState.OFF:
            self._since_ms, self._packets = now_ms, -1
        if packets != self._packets:
            self._packets, self._quiet_since_ms = packets, now_ms
        self.quiet_ms = now_ms - self._quiet_since_ms
        if not proxied or now_ms - self._since_ms >= self._settings.connections_ms:
            self._has_waited = True  # held links stay down, whatever still arrives
        if not self._has_waited:
            self.state = abi.DrainState.CONNECTIONS
        elif are_links_down or self.quiet_ms >= self._settings.quiet_ms:
            self.state = abi.DrainState.COMPLETE
            self._lost_now = max(self._lost_now, proxied)
        else:
            self.state = abi.DrainState.TRAFFIC

    def end(self) -> None:
        """End the drain; may be called again."""
        self.state, self.quiet_ms, self._has_waited = abi.DrainState.OFF, 0, False
        self._lost_before, self._lost_now = self.lost, 0
