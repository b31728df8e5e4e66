"""NICs and the drivers, IOMMU and kernel modules that give them to DPDK."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.doctor.context import Context, Finding, Status, wants_pci
from appliance.host.fitness import (
    IOMMU_GROUPS,
    MODULES,
    iommu_parameters_given,
    iommu_remedy,
)
from appliance.host.pci import Nic, nics
from appliance.host.pmd import Pmd, installed_pmds


def check_nics(context: Context) -> Iterator[Finding]:
    """Every PCI network device: its driver, and whether DPDK supports it."""
    found = nics(context.host)
    pmds = installed_pmds(context.host)
    if not found:
        why = "virtual ports (af_packet, af_xdp) work on any kernel interface"
        yield Finding("nics", Status.OK, "no PCI network device", why)
    for nic in found:
        yield _check_nic(nic, pmds)


def check_iommu(context: Context) -> Iterator[Finding]:
    """vfio-pci protects memory through the IOMMU, and does not work without one."""
    groups = len(context.host.names(IOMMU_GROUPS))
    if groups:
        yield Finding("iommu", Status.OK, f"{groups} groups")
        return
    if not wants_pci(context.config):
        yield Finding("iommu", Status.OK, "none", "only PCI ports need one")
        return
    given = iommu_parameters_given(context.host)
    yield Finding(
        "iommu",
        Status.WARN,
        "none" + (", although the kernel's command line asks for it" if given else ""),
        "vfio-pci needs an IOMMU; uio_pci_generic works without, and without its protection",
        iommu_remedy(context.host),
    )


def check_modules(context: Context) -> Iterator[Finding]:
    """The kernel modules that hand a device to user space."""
    wanted = wants_pci(context.config)
    for driver, module in MODULES.items():
        if context.host.exists(f"/sys/module/{module}"):
            yield Finding(driver, Status.OK, "loaded")
        elif _available(context, driver, module):
            needed = wanted and driver == "vfio-pci"
            yield Finding(
                driver,
                Status.WARN if needed else Status.OK,
                "available, not loaded",
                "a PCI port is bound to it",
                f"modprobe {driver}" if needed else None,
            )
        else:
            yield Finding(
                driver,
                Status.WARN if wanted else Status.OK,
                "not in this kernel",
                "needed for PCI ports only; cloud kernels may lack it",
                "apt-get install linux-image-amd64" if wanted else None,
            )


def _check_nic(nic: Nic, pmds: tuple[Pmd, ...]) -> Finding:
    supporting = [pmd.name for pmd in pmds if pmd.supports(nic.pci_id)]
    parts = [str(nic.pci_id), f"driver {nic.driver or 'none'}"]
    parts += [f"interface {name}" for name in nic.interfaces]
    parts += [] if nic.numa_node is None else [f"NUMA node {nic.numa_node}"]
    parts.append(f"DPDK {', '.join(supporting) or 'does not support it'}")
    if supporting:
        return Finding(f"nic {nic.address}", Status.OK, ", ".join(parts))
    why, command = _unsupported(nic, pmds)
    return Finding(f"nic {nic.address}", Status.WARN, ", ".join(parts), why, command)


def _unsupported(nic: Nic, pmds: tuple[Pmd, ...]) -> tuple[str, str | None]:
    """What a NIC without a DPDK driver is good for, and the command that helps, if there is one."""
    why = "no installed driver names this device"
    if not pmds:
        return f"{why}, because none is installed", "apt-get install libdpdk-dev"
    if nic.interfaces:
        return f"{why}; its kernel interface can be a virtual port", None
    return f"{why}, and this kernel shows no interface of it: take another NIC", None


def _available(context: Context, driver: str, module: str) -> bool:
    host, place = context.host, f"/lib/modules/{context.kernel_release()}"
    if host.exists(f"/sys/bus/pci/drivers/{driver}"):
        return True
    lists = (host.text(f"{place}/{name}") or "" for name in ("modules.dep", "modules.builtin"))
    names = (f"/{driver}.ko", f"/{module}.ko")
    return any(name in text for text in lists for name in names)
