"""All checks in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from appliance.doctor import (
    checks_cpu,
    checks_dataplane,
    checks_links,
    checks_memory,
    checks_network,
    checks_pci,
    checks_ports,
    checks_secrets,
    checks_software,
)
from appliance.doctor.context import Context, Finding, Status

Check = Callable[[Context], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    checks_software.check_kernel,
    checks_cpu.check_instruction_set,
    checks_cpu.check_cpus,
    checks_cpu.check_isolation,
    checks_cpu.check_clock,
    checks_memory.check_memory,
    checks_memory.check_hugepages,
    checks_memory.check_locked_memory,
    checks_software.check_dpdk,
    checks_software.check_library,
    checks_pci.check_iommu,
    checks_pci.check_modules,
    checks_pci.check_nics,
    checks_ports.check_ports,
    checks_dataplane.check_dataplane,
    checks_links.check_links,
    checks_network.check_tcp_ports,
    checks_software.check_users,
    checks_secrets.check_secrets,
    checks_software.check_python,
)


def examine(context: Context) -> list[Finding]:
    """Run every check; one that breaks is a finding of its own and does not stop the others."""
    return [finding for check in CHECKS for finding in _run(check, context)]


def worst(findings: Iterable[Finding]) -> Status:
    """``fail`` if one failed, else ``warn`` if one warns, else ``ok``."""
    statuses = {finding.status for finding in findings}
    return next((s for s in (Status.FAIL, Status.WARN) if s in statuses), Status.OK)


def _run(check: Check, context: Context) -> list[Finding]:
    try:
        return list(check(context))
    except Exception as error:
        # A host can be strange in ways that no check foresaw.
        name = check.__name__.removeprefix("check_").replace("_", " ")
        what = f"the check itself broke: {error!r}"
        return [Finding(name, Status.WARN, what, "please report it, with this line")]
