"""``secbeat-dataplane``: composes the packet path from its settings and runs it.

The one place where EAL, ports, tables, workers, control socket and reconciler meet. The process is
started as its user already, and needs no other process to forward. Parts are closed in the reverse
order: clients, workers, tables, ports, their packets, EAL last.
"""

from __future__ import annotations

import gc
import os
import secrets
import signal
from contextlib import ExitStack

from dataplane.clock import DS_PER_S, MS_PER_DS, SystemClock
from dataplane.commands import Commands
from dataplane.connection_table import FLOW_KEY_BYTES, ConnectionTable
from dataplane.control import ControlServer
from dataplane.control_loop import ControlLoop, Parts, end_workers
from dataplane.cookie_secret import kept_secret
from dataplane.country_reload import Countries
from dataplane.eal_setup import EalPlan, plan
from dataplane.leases import EventRings
from dataplane.library import load
from dataplane.limits_table import Limits
from dataplane.logs import Log
from dataplane.notify import Notifier
from dataplane.packet_path import open_packet_path
from dataplane.profile_names import ProfileNames
from dataplane.profiles import Profiles
from dataplane.published import StatsPublisher
from dataplane.reconcile import Reconciler
from dataplane.settings import DataplaneSettings, SynProxyCapacities
from dataplane.shm import SharedStats
from dataplane.statelog import StateLogReader
from dataplane.syn_proxy_table import CookieSecrets, SynProxyTable
from dataplane.tables import Lists, random_hash_key

_log = Log()
_HELD_SHARE = 4


def run(settings: DataplaneSettings) -> int:
    """Forward until SIGTERM, SIGINT or a drain command; returns 0.

    Raises ConfigurationError or NativeError while starting. A worker that stops polling ends the
    process with exit code 70.
    """
    with ExitStack() as opened:
        loop = _compose(settings, opened)
        # What has been imported and built stays: no collection need look at it again.
        gc.collect()
        gc.freeze()
        loop.run()
    _log.info("stopped")
    return 0


def _compose(settings: DataplaneSettings, opened: ExitStack) -> ControlLoop:
    clock, library, eal_plan = SystemClock(), load(), plan(settings)
    _tell(settings, eal_plan)
    notifier = opened.enter_context(Notifier(os.environ, os.getpid()))
    stats = SharedStats(clock, settings.lcores)
    opened.callback(stats.close)

    path = open_packet_path(library, settings, eal_plan, stats, opened)
    workers = path.workers
    lists = opened.enter_context(
        Lists(
            library,
            settings.addresses_max,
            settings.prefixes_max,
            settings.lcores,
            random_hash_key(),
            workers.readers_address,
        )
    )
    workers.node.lists = lists.address
    known_ds = clock.boot_ms() // MS_PER_DS
    workers.node.learning_until_ds = known_ds + DS_PER_S * settings.connections.learning_seconds
    stats.header.connections_max = settings.lcores * settings.connections.connections_max
    for lcore in workers.lcores:
        buckets = Limits(library, settings.limits, random_hash_key())
        lcore.limits = opened.enter_context(buckets).address
        connections = ConnectionTable(
            library, settings.connections, secrets.token_bytes(FLOW_KEY_BYTES), lcore.stats
        )
        lcore.flows = opened.enter_context(connections).address
        if settings.has_syn_proxy:
            proxy = SynProxyTable(library, _syn_proxy_room(settings), random_hash_key())
            lcore.syn_proxy = opened.enter_context(proxy).address
    secret = settings.syn_cookie_secret or kept_secret(settings.socket.parent)
    cookies = CookieSecrets(workers.node, secret)
    profiles = Profiles(library, workers, ProfileNames(stats.header, workers.pages))
    opened.callback(profiles.close)
    publisher = StatsPublisher(stats)
    countries = Countries(library, settings.countries, workers, publisher)
    opened.callback(countries.close)
    events = EventRings(library, settings.lcores, workers.listen, workers.quiescent)
    opened.callback(events.close)
    for index, lcore in enumerate(workers.lcores):
        lcore.events = events.producer_address(index)
    opened.callback(end_workers, workers)

    commands = Commands(lists, clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, commands.on_signal)
    control = opened.enter_context(
        ControlServer(settings, stats, events, library, clock, commands.on_command)
    )
    publisher.notice = control.notice
    reconciler = Reconciler(StateLogReader(settings.state_log), lists, profiles, publisher, clock)
    opened.callback(reconciler.close)
    commands.bind(reconciler)
    return ControlLoop(
        Parts(
            *(clock, stats, path, lists, profiles, countries, cookies),
            *(commands, control, reconciler, notifier),
        )
    )


def _syn_proxy_room(settings: DataplaneSettings) -> SynProxyCapacities:
    """No more is held than leaves most of the packet buffers to the ports."""
    most = settings.mbufs // (_HELD_SHARE * settings.lcores)
    room = SynProxyCapacities()
    return SynProxyCapacities(min(room.openings_max, most), min(room.held_max, most))


def _tell(settings: DataplaneSettings, eal_plan: EalPlan) -> None:
    _log.info(
        "starting",
        outside=settings.outside.device,
        inside=settings.inside.device,
        worker_cpus=eal_plan.worker_cpus,
        packet_memory="hugepages" if eal_plan.hugepages else "no hugepages (--no-huge)",
    )
