"""``secbeat host prepare``: packet memory and CPUs, at every boot; a second run changes nothing."""

from __future__ import annotations

from appliance.commands import Run
from appliance.config import NodeConfig
from appliance.host import cpus, hugepages
from appliance.host.files import Host
from appliance.host.steps import Step


def plan(host: Host, config: NodeConfig, run: Run) -> list[Step]:
    """The steps that are necessary."""
    return [*hugepages.steps(host, config), *cpus.steps(host, config, run)]
