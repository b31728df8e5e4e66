"""The control loop: the data plane's only Python thread, while the workers forward.

It publishes the time for them, answers clients, updates the tables to match the state log, frees
expired entries, watches heartbeats and links, and publishes gauges. It does nothing per packet.
"""

from __future__ import annotations

import gc
import os
import time
from dataclasses import dataclass

from dataplane.base.clock import Clock
from dataplane.base.logs import Log
from dataplane.base.process.notify import Notifier, status_of
from dataplane.control.server import ControlServer
from dataplane.detection.duty import Detection
from dataplane.detection.judge import TICK_MS
from dataplane.native import abi
from dataplane.reconcile.active_policy import ActivePolicy
from dataplane.reconcile.country_reload import Countries
from dataplane.reconcile.overlaid import Overlaid
from dataplane.reconcile.reconcile import Reconciler
from dataplane.run.links.duty import Links
from dataplane.run.loop.commands import Commands
from dataplane.run.loop.gauges import Gauges
from dataplane.run.loop.most_hit import MostHit
from dataplane.run.loop.turns import Turns
from dataplane.run.opening.packet_path import PacketPath
from dataplane.run.workers.watchdog import STALL_MS, HeartbeatWatchdog
from dataplane.run.workers.workers import Workers
from dataplane.shared.transport.shm import SharedStats
from dataplane.tables.lists import Lists
from dataplane.tables.syn_proxy_table import CookieSecrets
from dataplane.waf.no_rules import NoRules
from dataplane.waf.rules import Rules

EXIT_STALLED = 70
DRAIN_S_MAX = 5.0
_EXPIRE_BUDGET = 4096
_log = Log()


@dataclass(frozen=True)
class Parts:
    """The parts of the process, all open."""

    clock: Clock
    stats: SharedStats
    path: PacketPath
    lists: Lists
    profiles: ActivePolicy
    overlaid: Overlaid
    countries: Countries
    rules: Rules | NoRules
    cookies: CookieSecrets
    detection: Detection
    links: Links
    commands: Commands
    control: ControlServer
    reconciler: Reconciler
    notifier: Notifier


class ControlLoop:
    """Load, forward, finish: the life of the process after everything is open."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._header = parts.stats.header
        self._beats_told: tuple[int, ...] = ()
        self._status = ""
        self._workers = parts.path.workers
        self._watchdog = HeartbeatWatchdog(
            len(self._workers.lcores), parts.clock.boot_ms(), self._workers.threads.ran
        )
        self._gauges = Gauges(self._header, self._workers, parts.clock)
        self._most_hit = MostHit(parts.lists, self._header)
        self._turns = Turns(
            parts.clock,
            wait=parts.control.wait,
            is_busy=self._is_busy,
        )

    def run(self) -> None:
        """Returns when the workers have finished; exits with 70 when one does not answer."""
        parts = self._parts
        self._tell_time()
        parts.countries.start()
        parts.reconciler.start(self._while_loading)
        parts.rules.start(self._while_loading)
        # 50,000 rules are 300,000 objects, which garbage collections need not visit again.
        gc.collect()
        gc.freeze()
        if parts.commands.stop_wanted:
            return
        parts.path.ports.start()
        parts.links.start()
        self._workers.launch()
        self._header.state = abi.State.RUNNING
        self._add_duties()
        parts.control.notice(abi.NoticeKind.STARTED)
        parts.notifier.ready()
        _log.info("running", revision=self._header.applied_through)
        self._turns.run_until(lambda: parts.commands.stop_wanted)
        self._drain()

    def _is_busy(self) -> bool:
        draining = self._header.state == abi.State.DRAINING
        parts = self._parts
        working = parts.reconciler.is_busy or parts.rules.is_busy
        return draining or parts.control.is_busy or working

    def _while_loading(self) -> None:
        """A million entries take seconds: clients get the state "starting" meanwhile."""
        self._tell_time()
        self._parts.control.turn()
        self._parts.control.answer()

    def _add_duties(self) -> None:
        parts, every = self._parts, self._turns.every
        every(0, self._tell_time)
        every(0, parts.control.turn)
        every(0, parts.reconciler.turn)
        every(0, parts.rules.turn)
        every(0, parts.control.answer)
        every(10, self._expire)
        every(10, self._check_workers)
        every(100, self._read_ports)
        every(100, parts.overlaid.turn)
        every(TICK_MS, parts.detection.turn)
        every(1000, self._look_for_countries)
        every(1000, self._gauges.update)
        every(100, self._tell_mode)
        if parts.notifier.watchdog_interval_s is not None:
            every(int(parts.notifier.watchdog_interval_s * 1000), self._tell_manager)

    def _tell_time(self) -> None:
        now_ms = self._parts.clock.boot_ms()
        self._header.heartbeat_boot_ms = now_ms
        self._workers.node.boot_ds = now_ms // 100
        self._parts.cookies.update(self._parts.clock.utc_ms())

    def _expire(self) -> None:
        self._parts.lists.expire(self._workers.node.boot_ds, _EXPIRE_BUDGET)
        self._parts.profiles.reclaim()
        self._most_hit.turn()

    def _look_for_countries(self) -> None:
        self._parts.countries.turn(self._parts.profiles.uses_countries)

    def _tell_mode(self) -> None:
        has_proxy = any(lcore.syn_proxy for lcore in self._workers.lcores)
        count = self._parts.profiles.syn_proxy_count if has_proxy else 0
        self._header.syn_proxy_profiles = count
        inspects = any(lcore.http for lcore in self._workers.lcores)
        self._header.http_profiles = self._parts.profiles.http_count if inspects else 0

    def _check_workers(self) -> None:
        if self._header.state != abi.State.RUNNING:
            return
        now_ms = self._parts.clock.boot_ms()
        stalled = self._watchdog.check(self._workers.heartbeats(), now_ms)
        if stalled is not None:
            _die("worker stalled", lcore=stalled, limit_ms=STALL_MS)

    def _read_ports(self) -> None:
        self._parts.path.ports.read(self._header)
        self._header.mbufs_used = self._parts.path.pool.used()
        self._parts.links.turn()
        self._tell_status([bool(device.link_up) for device in self._header.device])

    def _tell_status(self, links: list[bool]) -> None:
        status = status_of([port.name.lower() for port in abi.Port if not links[port]])
        if status != self._status:
            self._status = status
            self._parts.notifier.status(status)

    def _tell_manager(self) -> None:
        """Notify the manager only while the workers turn: it must restart a process with a hung
        one."""
        beats = self._workers.heartbeats()
        if all(now != told for now, told in zip(beats, self._beats_told, strict=False)):
            self._parts.notifier.watchdog()
        self._beats_told = beats

    def _drain(self) -> None:
        parts = self._parts
        _log.info("draining")
        parts.notifier.stopping()
        self._header.state = abi.State.DRAINING
        parts.control.notice(abi.NoticeKind.DRAINING)
        parts.detection.close()
        self._workers.stop()
        started = time.monotonic()
        if not self._turns.run_until(lambda: not self._workers.running(), DRAIN_S_MAX):
            _die("workers do not return", limit_s=DRAIN_S_MAX)
        self._workers.join(0)
        self._read_ports()
        _log.info("drained", seconds=round(time.monotonic() - started, 3))


def end_workers(workers: Workers) -> None:
    """For exits with an error: nothing may be closed while a worker runs."""
    workers.stop()
    if not workers.join(DRAIN_S_MAX):
        _die("workers do not return", limit_s=DRAIN_S_MAX)


def _die(event: str, **what: object) -> None:
    """End the process at once: a close while a worker may still run would hang."""
    _log.error(event, exit_code=EXIT_STALLED, **what)
    os._exit(EXIT_STALLED)
