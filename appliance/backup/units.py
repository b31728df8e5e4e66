"""The units that have the files of a backup open: stopped before a restore, started after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from pathlib import Path

from appliance.backup.places import NODE, ORCHESTRATOR, PROVISIONER
from appliance.commands import CommandError, Run

_SYSTEMD = Path("/run/systemd/system")
"""This directory exists if systemd is the host's init (sd_booted(3))."""
_STOP_S = 120.0
_START_S = 330.0
_TERMINATORS = ("secbeat-tls.service", "secbeat-orchestrator-tls.service")
_DATAPLANE = "secbeat-dataplane.service"


def of_roots(roots: Set[str], *, with_dataplane: bool) -> tuple[str, ...]:
    """The units to stop, in this order, for files below these roots."""
    names: tuple[str, ...] = ()
    if ORCHESTRATOR in roots:
        names += ("secbeat-orchestrator.service",)
    if roots & {ORCHESTRATOR, PROVISIONER}:
        names += ("secbeat-provisioner.service",)
    if NODE in roots:
        names += ("secbeat-agent.service", "secbeat-api.service")
        if with_dataplane:
            names += (_DATAPLANE,)
    return names


class Units:
    """The units of a host that is run by systemd; on another host, none."""

    def __init__(
        self, names: Collection[str], run: Run, is_booted: Callable[[], bool] = _SYSTEMD.is_dir
    ) -> None:
        self._run = run
        self._names = self._installed(names) if names and is_booted() else []
        self._enabled = self._installed(names, "--state=enabled") if self._names else []

    def stop(self) -> None:
        """Stop them. Raises `CommandError`."""
        if self._names:
            self._run("systemctl", "stop", *self._names, timeout_s=_STOP_S)

    def start(self) -> list[str]:
        """Start the enabled ones, whether they ran or not; returns their names.

        The TLS terminators read their certificates when they start, so the running ones restart.
        Raises `CommandError`.
        """
        started = list(reversed(self._enabled))
        try:
            if started:
                self._run("systemctl", "start", *started, timeout_s=_START_S)
            if self._names:
                self._run("systemctl", "try-restart", *_TERMINATORS, timeout_s=_STOP_S)
        except CommandError as exc:
            raise CommandError(f"a unit does not start: {exc}") from exc
        return started

    def _installed(self, names: Collection[str], *options: str) -> list[str]:
        listed = self._run(
            "systemctl", "list-unit-files", "--no-legend", "--full", *options, *names
        )
        found = {line.split()[0] for line in listed.splitlines() if line.split()}
        return [name for name in names if name in found]
