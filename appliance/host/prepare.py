"""``secbeat host prepare``: packet memory, CPUs and the management NIC, early in every boot.

A second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from appliance.commands import Run
from appliance.config import NodeConfig
from appliance.host import cpus, hugepages, management
from appliance.host.files import Host, HostError
from appliance.host.steps import Step


def plan(host: Host, config: NodeConfig, run: Run) -> list[Step]:
    """What has to be done; a part that can't be planned becomes a step that says why."""
    return [
        *_steps("packet memory", lambda: hugepages.steps(host, config)),
        *_steps("CPUs", lambda: cpus.steps(host, config, run)),
        *_steps("management NIC", lambda: management.steps(host, config, run)),
    ]


def _steps(part: str, steps: Callable[[], Iterator[Step]]) -> list[Step]:
    try:
        return list(steps())
    except HostError as error:
        return [Step(part, _raiser(error))]


def _raiser(error: HostError) -> Callable[[], None]:
    def do() -> None:
        raise error

    return do
