"""Opens the WAF: its compile helper, which starts before EAL, and the rules.

A node without a directory for databases has no WAF: no helper runs, and rules are refused.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import ExitStack
from dataclasses import dataclass

from dataplane.base.clock import Clock
from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import DataplaneSettings
from dataplane.native import abi
from dataplane.run.workers.workers import Workers
from dataplane.tables.waf_table import engine_version
from dataplane.waf.compiling.helper import HelperSettings
from dataplane.waf.compiling.keeper import Keeper
from dataplane.waf.composing import open_rules
from dataplane.waf.exchange.cache import Cache
from dataplane.waf.exchange.wire import SOCKET_NAME
from dataplane.waf.no_rules import NoRules
from dataplane.waf.rules import Rules


@dataclass(frozen=True)
class Compiler:
    """The running compile helper, and the paths that it shares with the rules."""

    settings: HelperSettings
    cache: Cache


def start_compiler(
    library: ctypes.CDLL,
    settings: DataplaneSettings,
    worker_cpus: tuple[int, ...],
    opened: ExitStack,
) -> Compiler | None:
    """Start it before EAL, because the process does not fork after EAL; None: the node has no WAF.

    It does not use the workers' CPUs if there are others. ConfigurationError.
    """
    if settings.rules_cache is None:
        return None
    try:
        cache = Cache(settings.rules_cache, engine_version(library))
        helper = HelperSettings(
            settings.socket.with_name(SOCKET_NAME), settings.client_users, cache.directory
        )
        others = frozenset(os.sched_getaffinity(0)).difference(worker_cpus)
        opened.enter_context(Keeper(helper, others))
    except OSError as exc:
        raise ConfigurationError(f"rules cache {settings.rules_cache}: {exc}") from exc
    return Compiler(helper, cache)


def open_waf(
    library: ctypes.CDLL,
    compiler: Compiler | None,
    workers: Workers,
    header: abi.StatsHeader,
    clock: Clock,
    opened: ExitStack,
) -> Rules | NoRules:
    """Open the rules, without any rule; NativeError. They are closed after the workers have
    stopped."""
    if compiler is None:
        return NoRules(header)
    return open_rules(
        library,
        (compiler.settings.socket, compiler.cache),
        workers.node,
        workers.lcores,
        header,
        clock=clock,
        opened=opened,
    )
