"""Whether a lab node is up: its processes and its APIs report that they are ready."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from pathlib import Path

from appliance.lab.commands import LabError
from appliance.lab.processes.unit import State, Unit
from dataplane.base.errors import ConfigurationError

READY_PATH = "/api/v1/health/ready"
REQUEST_TIMEOUT_S = 0.5
START_TIMEOUT_S = 180.0
"""A machine that is busy with other things takes more than a minute."""
RESTARTS_MAX = 5
LOG_LINES = 12
LOG_COLUMNS = 400
_OK = 200


class Health:
    """Judges a starting node; raises LabError when waiting longer is useless."""

    def __init__(self, units: Sequence[Unit], apis: Sequence[str], deadline_s: float) -> None:
        """``apis``: each must report that it is ready."""
        self._units = units
        self._apis = apis
        self._deadline_s = deadline_s

    def reached(self, now_s: float) -> bool:
        """Whether the node is healthy now."""
        for unit in self._units:
            if unit.restarts >= RESTARTS_MAX:
                raise LabError(f"{unit.name} ends again and again:\n{tail(unit.log)}")
            if unit.last_exit == ConfigurationError.exit_code:
                raise LabError(f"{unit.name} can't run like this:\n{tail(unit.log)}")
        if all(unit.state is State.READY for unit in self._units) and not self._silent():
            return True
        if now_s > self._deadline_s:
            raise LabError(self._late())
        return False

    def _silent(self) -> str:
        """The name of an API that is not ready; empty: all are ready."""
        return next((api for api in self._apis if not _answers(api)), "")

    def _late(self) -> str:
        late = [unit for unit in self._units if unit.state is not State.READY]
        text = f"the node was not ready within {START_TIMEOUT_S:.0f} s"
        if not late:
            return f"{text}: GET http://{self._silent()}{READY_PATH} does not answer 200"
        return "\n".join([text, *(f"{u.name} is {u.state}:\n{tail(u.log)}" for u in late)])


def tail(log: Path, lines: int = LOG_LINES) -> str:
    """The last lines of a log file."""
    try:
        words = log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        words = []
    return "\n".join(f"    {line[:LOG_COLUMNS]}" for line in words) or "    (its log is empty)"


def _answers(api: str) -> bool:
    connection = http.client.HTTPConnection(api, timeout=REQUEST_TIMEOUT_S)
    try:
        connection.request("GET", READY_PATH)
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
