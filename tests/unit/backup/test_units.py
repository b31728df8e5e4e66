"""The units that have the files open stop before a restore, and the enabled ones start after it."""

from __future__ import annotations

import pytest

from appliance.backup.units import Units, of_roots
from appliance.commands import TIMEOUT_S, CommandError

NODE = of_roots({"etc", "node"}, with_dataplane=True)
API, AGENT, DATAPLANE = (f"secbeat-{name}.service" for name in ("api", "agent", "dataplane"))


class Systemctl:
    """A host on which some units are installed, and some of them enabled."""

    def __init__(self, installed: tuple[str, ...], enabled: tuple[str, ...]) -> None:
        self._installed, self._enabled = installed, enabled
        self.calls: list[tuple[str, ...]] = []
        self.fails_at = ""

    def __call__(self, *command: str, timeout_s: float = TIMEOUT_S) -> str:
        assert command[0] == "systemctl"
        assert timeout_s > 0
        if command[1] == "list-unit-files":
            known = self._enabled if "--state=enabled" in command else self._installed
            return "".join(f"{name} enabled enabled\n" for name in command if name in known)
        if command[1] == self.fails_at:
            raise CommandError("it does not")
        self.calls.append(command[1:])
        return ""


def test_a_node_s_units_stop_and_the_enabled_ones_start_again():
    systemctl = Systemctl((API, AGENT, DATAPLANE), (API, DATAPLANE))
    units = Units(NODE, systemctl, lambda: True)
    units.stop()
    assert systemctl.calls == [("stop", AGENT, API, DATAPLANE)]
    assert units.start() == [DATAPLANE, API]
    assert systemctl.calls[1] == ("start", DATAPLANE, API)
    assert systemctl.calls[2][0] == "try-restart"


def test_the_packet_path_runs_on_if_nothing_of_it_changes():
    assert DATAPLANE not in of_roots({"node"}, with_dataplane=False)


def test_an_orchestrator_s_units_are_its_own():
    found = of_roots({"etc", "orchestrator"}, with_dataplane=True)
    assert found == ("secbeat-orchestrator.service", "secbeat-provisioner.service")


@pytest.mark.parametrize(("installed", "is_booted"), [((), True), ((API,), False)])
def test_a_host_without_the_units_runs_nothing(installed: tuple[str, ...], is_booted: bool):
    systemctl = Systemctl(installed, installed)
    units = Units(NODE, systemctl, lambda: is_booted)
    units.stop()
    assert units.start() == []
    assert systemctl.calls == []


@pytest.mark.parametrize("verb", ["start", "try-restart"])
def test_a_unit_that_does_not_start_is_an_error(verb: str):
    systemctl = Systemctl((API,), (API,))
    systemctl.fails_at = verb
    with pytest.raises(CommandError, match="a unit does not start: it does not"):
        Units(NODE, systemctl, lambda: True).start()
