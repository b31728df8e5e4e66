"""NICs and the drivers, IOMMU and kernel modules that give them to DPDK."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.doctor.context import Context, Finding, Status
from appliance.doctor.pci import Nic, nics, wants_pci
from appliance.doctor.pmd import Pmd, installed_pmds

IOMMU_GROUPS = "/sys/kernel/iommu_groups"
_MODULES = {"vfio-pci": "vfio_pci", "uio_pci_generic": "uio_pci_generic"}


def check_nics(context: Context) -> Iterator[Finding]:
    """Every PCI network device: who drives it, and whether DPDK could."""
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
    intel = "GenuineIntel" in (context.host.text("/proc/cpuinfo") or "")
    parameters = "intel_iommu=on iommu=pt" if intel else "iommu=pt"
    given = set(parameters.split()) <= set((context.host.text("/proc/cmdline") or "").split())
    yield Finding(
        "iommu",
        Status.WARN,
        "none" + (f", although {parameters} is on the kernel's command line" if given else ""),
        "vfio-pci needs an IOMMU; uio_pci_generic works without, and without its protection",
        "enable VT-d or AMD-Vi in the firmware (in a VM: a virtual IOMMU)"
        if given
        else f"add '{parameters}' to GRUB_CMDLINE_LINUX in /etc/default/grub; update-grub; reboot",
    )


def check_modules(context: Context) -> Iterator[Finding]:
    """The kernel modules that hand a device to user space."""
    wanted = wants_pci(context.config)
    for driver, module in _MODULES.items():
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
    why = "no installed driver names this device; its kernel interface can be a virtual port"
    command = None if pmds else "apt-get install libdpdk-dev"
    return Finding(f"nic {nic.address}", Status.WARN, ", ".join(parts), why, command)


def _available(context: Context, driver: str, module: str) -> bool:
    host, place = context.host, f"/lib/modules/{context.kernel_release()}"
    if host.exists(f"/sys/bus/pci/drivers/{driver}"):
        return True
    lists = (host.text(f"{place}/{name}") or "" for name in ("modules.dep", "modules.builtin"))
    names = (f"/{driver}.ko", f"/{module}.ko")
    return any(name in text for text in lists for name in names)
