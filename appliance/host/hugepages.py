"""Reserves packet memory: hugepages on the NUMA nodes of the data NICs and the workers.

The data plane uses at most ``dataplane.memory_mib`` of them, on demand, through memfds: no
hugetlbfs has to be mounted, and DPDK needs no further page. The lists' tables use ordinary memory.
A pool is never reduced: its pages may be in use.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config import NodeConfig
from appliance.config.devices import data_device
from appliance.host.cpus import parse_cpus, worker_cpus
from appliance.host.files import Host, HostError
from appliance.host.fitness import UnfitError, find_nic
from appliance.host.steps import Step

NODES = "/sys/devices/system/node"
_PAGE_KIB = 2048
"""Sizes that a running kernel can still provide; 1 GiB pages need the kernel's command line."""
_LARGE_KIB = 1 << 20


def steps(host: Host, config: NodeConfig) -> Iterator[Step]:
    """A step for each node that has too few pages."""
    if config.dataplane.hugepages == "off":
        return
    wanted = -(-config.dataplane.memory_mib * 1024 // _PAGE_KIB)
    for place in _pools(host, config):
        large_mib = (host.number(f"{place}/{_pool(_LARGE_KIB)}/nr_hugepages") or 0) * 1024
        have = host.number(f"{place}/{_pool(_PAGE_KIB)}/nr_hugepages") or 0
        if have < wanted and large_mib < config.dataplane.memory_mib:
            yield _step(host, f"{place}/{_pool(_PAGE_KIB)}/nr_hugepages", wanted)


def nodes(host: Host, config: NodeConfig) -> set[int]:
    """NUMA nodes of the data NICs and of the workers; empty: the host has only one."""
    present = {
        int(name[4:]) for name in host.names(NODES) if name[:4] == "node" and name[4:].isdigit()
    }
    if len(present) < 2:  # noqa: PLR2004
        return set()
    workers = set(worker_cpus(host, config))
    found = {
        node
        for node in present
        if workers & parse_cpus(host.text(f"{NODES}/node{node}/cpulist") or "")
    }
    for port in (config.ports.outside, config.ports.inside):
        device = data_device(port.device)
        if not device.is_nic:
            continue
        try:
            node = find_nic(host, device, {}).numa_node
        except UnfitError:
            return present  # the PCI address is not known yet
        if node is not None:
            found.add(node)
    return found & present


def _pools(host: Host, config: NodeConfig) -> list[str]:
    on_nodes = [f"{NODES}/node{node}/hugepages" for node in sorted(nodes(host, config))]
    return on_nodes or ["/sys/kernel/mm/hugepages"]


def _pool(size_kib: int) -> str:
    return f"hugepages-{size_kib}kB"


def _step(host: Host, file: str, pages: int) -> Step:
    def do() -> None:
        host.tell(file, str(pages))
        if (host.number(file) or 0) < pages:
            # On a host that has run for a while memory is fragmented: let the kernel compact it.
            host.tell("/proc/sys/vm/compact_memory", "1")
            host.tell(file, str(pages))
        got = host.number(file) or 0
        if got < pages:
            raise HostError(
                f"the kernel has memory for {got}; lower dataplane.memory_mib, or give it "
                f"'hugepages={pages}' on its command line"
            )

    return Step(f"{pages} hugepages of {_PAGE_KIB // 1024} MiB in {file}", do)
