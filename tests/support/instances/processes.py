"""An instance whose processes a test starts and stops individually, without a supervisor."""

from __future__ import annotations

import time

from appliance.config.load import parse_config
from appliance.lab import cleanup, configuration, network
from appliance.lab.claim import Claim, claim_new
from appliance.lab.lifecycle import Wish, prepare
from appliance.lab.processes.unit import State, Unit
from tests.support.instances.lab import Lab
from tests.support.waiting import wait_for


class Processes:
    """Network, directories and units of a lab; a context manager."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._units: dict[str, Unit] = {}
        self._claim: Claim | None = None

    def __enter__(self) -> Processes:
        instance = self.lab.instance
        cleanup.clean(instance)
        self._claim = claim_new(instance)
        tables = configuration.compose(instance, None, None)
        network.build(instance.namespaces)
        units = prepare(Wish(instance), tables, parse_config(tables, instance.config_file))
        self._units = {unit.name: unit for unit in units}
        return self

    def __exit__(self, *_exc: object) -> None:
        for unit in self._units.values():
            unit.stop(time.monotonic(), at_once=True)
            self._turn_until(unit, State.STOPPED)
            unit.notify.close()
        cleanup.clean(self.lab.instance)
        if self._claim is not None:
            self._claim.release()

    def start(self, *names: str) -> None:
        """Start these processes, and wait until each is ready."""
        for name in names:
            self._units[name].start(time.monotonic())
            self._turn_until(self._units[name], State.READY)

    def stop(self, *names: str) -> None:
        """Stop these processes cleanly; each must exit with 0."""
        for name in names:
            unit = self._units[name]
            unit.stop(time.monotonic())
            self._turn_until(unit, State.STOPPED)
            assert unit.last_exit == 0, f"{name}: {unit.last_exit}\n{unit.log.read_text()}"

    def _turn_until(self, unit: Unit, state: State) -> None:
        def reached() -> bool:
            unit.turn(time.monotonic())
            assert unit.state is not State.WAITING, unit.log.read_text()
            return unit.state is state

        wait_for(reached, f"{unit.name} is {state}", bound_s=180)
