"""``secbeat-dataplane``: composes the packet path from its settings and runs it.

The only module that connects EAL, ports, tables, workers, control socket and reconciler. The
process already runs as its own user, and forwards without any other process. It closes its parts in
reverse order: clients, workers, tables, ports, their packets, EAL last.
"""

from __future__ import annotations

import gc
import os
import signal
from contextlib import ExitStack

from dataplane.base.clock import DS_PER_S, MS_PER_DS, SystemClock
from dataplane.base.logs import Log
from dataplane.base.process import failure
from dataplane.base.process.notify import Notifier
from dataplane.base.settings import DataplaneSettings
from dataplane.control.rings import EventRings
from dataplane.control.server import ControlServer
from dataplane.detection.duty import Detection
from dataplane.detection.incident_table import IncidentTable
from dataplane.native import abi
from dataplane.native.library import load
from dataplane.reconcile.active_policy import ActivePolicy
from dataplane.reconcile.country_reload import Countries
from dataplane.reconcile.overlaid import Overlaid
from dataplane.reconcile.published import StatsPublisher
from dataplane.reconcile.reconcile import Reconciler
from dataplane.run.links.duty import Links
from dataplane.run.loop.commands import Commands
from dataplane.run.loop.control_loop import ControlLoop, Parts, end_workers
from dataplane.run.loop.explaining import Explaining
from dataplane.run.opening.buffers import Budget, budget
from dataplane.run.opening.cookie_secret import kept_secret
from dataplane.run.opening.detection import open_collector
from dataplane.run.opening.eal_setup import EalPlan, plan
from dataplane.run.opening.packet_path import open_packet_path
from dataplane.run.opening.tables import open_lists, open_tables
from dataplane.run.opening.waf import open_waf, start_compiler
from dataplane.shared.profile_names import ProfileNames
from dataplane.shared.transport.shm import SharedStats
from dataplane.statelog import StateLogReader
from dataplane.tables.syn_proxy_table import CookieSecrets

_log = Log()


def run(settings: DataplaneSettings) -> int:
    """Forward until SIGTERM or SIGINT; returns 0.

    Raises ConfigurationError or NativeError during the start. If a worker stops polling, the
    process ends with exit code 70.
    """
    with ExitStack() as opened:
        loop = _compose(settings, opened)
        failure.forget(settings.socket.parent)
        # Imported modules and built objects stay: garbage collections need not visit them again.
        gc.collect()
        gc.freeze()
        loop.run()
    _log.info("stopped")
    return 0


def _compose(settings: DataplaneSettings, opened: ExitStack) -> ControlLoop:
    clock, library = SystemClock(), load()
    eal_plan, buffers = plan(settings), budget(settings)
    _tell(settings, buffers, eal_plan)
    notifier = opened.enter_context(Notifier(os.environ, os.getpid()))
    stats = SharedStats(clock, settings.lcores)
    opened.callback(stats.close)

    compiler = start_compiler(library, settings, eal_plan.worker_cpus, opened)
    path = open_packet_path(library, settings, buffers, eal_plan, stats, opened)
    workers = path.workers
    lists = open_lists(library, settings, workers, opened)

    def learn() -> None:
        now_ds = clock.boot_ms() // MS_PER_DS
        workers.node.learning_until_ds = now_ds + DS_PER_S * settings.connections.learning_seconds

    learn()
    stats.header.connections_max = settings.lcores * settings.connections.connections_max
    for lcore in workers.lcores:
        open_tables(library, settings, buffers, lcore, opened)
    secret = settings.syn_cookie_secret or kept_secret(settings.socket.parent)
    cookies = CookieSecrets(workers.node, secret)
    publisher = StatsPublisher(stats)
    rules = open_waf(library, compiler, workers, stats.header, clock, opened)
    names = ProfileNames(stats.header, workers.pages)
    profiles = ActivePolicy(library, workers.node, names, rules)
    opened.callback(profiles.close)
    countries = Countries(library, settings.countries, workers.node, publisher)
    opened.callback(countries.close)
    detection = Detection(
        open_collector(library, settings, workers, opened),
        IncidentTable(stats.header.detection, clock, countries.find),
        workers.pages,
        lambda: profiles.thresholds,
        clock,
        lambda has_failed: publisher.degraded(abi.Degraded.DETECTION, on=has_failed),
    )
    events = EventRings(library, settings.lcores, workers.listen, workers.readers_address)
    opened.callback(events.close)
    for index, lcore in enumerate(workers.lcores):
        lcore.events = events.producer_address(index)
    links = Links(
        *(stats.header, path.ports.links, workers.pages, clock),
        hold_ms=settings.link_hold_ms,
        drain=settings.drain,
    )
    links.learn = learn
    opened.callback(links.close)
    opened.callback(end_workers, workers)

    explaining = Explaining(library, workers.node, workers.lcores)
    commands = Commands(lists, explaining, clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, commands.on_signal)
    control = opened.enter_context(
        ControlServer(settings, stats, events, library, clock, commands.on_command)
    )
    publisher.notice = links.notice = control.notice
    log = StateLogReader(settings.state_log)
    overlaid = Overlaid(profiles, publisher, clock)
    reconciler = Reconciler(log, lists, overlaid, rules, publisher, clock)
    rules.on_refused = reconciler.rule_refused
    rules.condition.notice = control.notice
    opened.callback(reconciler.close)
    commands.bind(reconciler)
    return ControlLoop(
        Parts(
            *(clock, stats, path, lists, profiles, overlaid, countries, rules, cookies),
            *(detection, links, commands, control, reconciler, notifier),
        )
    )


def _tell(settings: DataplaneSettings, buffers: Budget, eal_plan: EalPlan) -> None:
    _log.info(
        "starting",
        outside=settings.outside.device,
        inside=settings.inside.device,
        worker_cpus=eal_plan.worker_cpus,
        buffers=buffers.holders,
        packet_memory="hugepages" if eal_plan.hugepages else "no hugepages (--no-huge)",
    )
