"""Whether links can be taken down, if the configuration requires it."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config import NodeConfig
from appliance.config.devices import data_device
from appliance.doctor.context import Context, Finding, Status
from appliance.host.fitness import UnfitError
from appliance.host.pmd import pmd_of_vdev
from appliance.host.survey import PORTS, Survey

DRIVERS_WITHOUT = ("net_virtio", "net_vmxnet3", "net_e1000_em", "net_null")
"""Common drivers of DPDK 22.11 and 24.11 without this operation; the data plane tries every driver
at its start."""


def check_links(context: Context) -> Iterator[Finding]:
    """Link-loss forwarding, and a drain that takes links down, need both ports."""
    config = context.config
    if config is None or not (wishes := _wishes(config)):
        return
    survey = Survey(context.host, config)
    unable = [
        f"{name} ({driver})"
        for name in PORTS
        if (driver := _driver(config, survey, name)) in DRIVERS_WITHOUT
    ]
    if not unable:
        yield Finding("links", Status.OK, "no driver known that can't take its link down")
        return
    yield Finding(
        "links",
        Status.WARN,
        f"the link can't be taken down: {', '.join(unable)}",
        f"{' and '.join(wishes)}: routers there are not told",
        "secbeat status   # links says what the running data plane can",
    )


def _wishes(config: NodeConfig) -> list[str]:
    """Settings that take links down."""
    found = {
        "links.loss_forwarding is on": config.links.loss_forwarding == "on",
        'drain.links is "down"': config.drain.links == "down",
    }
    return [text for text, is_wanted in found.items() if is_wanted]


def _driver(config: NodeConfig, survey: Survey, name: str) -> str | None:
    """The DPDK driver of a port; None: not known, which `check_ports` reports."""
    device: str = getattr(config.ports, name).device
    if not data_device(device).is_nic:
        pmd = pmd_of_vdev(device.split(",", maxsplit=1)[0], survey.pmds)
        return pmd.name if pmd else None
    try:
        plan = survey.port(name)
    except UnfitError:
        return None
    return plan.pmd.name if plan.pmd else None
