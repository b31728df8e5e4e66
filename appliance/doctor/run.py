"""All checks in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from appliance.doctor.checks import (
    cpu,
    dataplane,
    links,
    memory,
    network,
    pci,
    ports,
    secrets,
    software,
)
from appliance.doctor.context import Context, Finding, Status

Check = Callable[[Context], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    software.check_kernel,
    cpu.check_instruction_set,
    cpu.check_cpus,
    cpu.check_isolation,
    cpu.check_clock,
    memory.check_memory,
    memory.check_hugepages,
    memory.check_locked_memory,
    software.check_dpdk,
    software.check_library,
    pci.check_iommu,
    pci.check_modules,
    pci.check_nics,
    ports.check_ports,
    dataplane.check_dataplane,
    links.check_links,
    network.check_tcp_ports,
    software.check_users,
    secrets.check_secrets,
    software.check_python,
)


def examine(context: Context) -> list[Finding]:
    """Run every check; an error in a check becomes a finding, and the others still run."""
    return [finding for check in CHECKS for finding in _run(check, context)]


def worst(findings: Iterable[Finding]) -> Status:
    """``fail`` if one failed, else ``warn`` if one warns, else ``ok``."""
    statuses = {finding.status for finding in findings}
    return next((s for s in (Status.FAIL, Status.WARN) if s in statuses), Status.OK)


def _run(check: Check, context: Context) -> list[Finding]:
    try:
        return list(check(context))
    except Exception as error:
        # The host may be in a state that no check has foreseen.
        name = check.__name__.removeprefix("check_").replace("_", " ")
        what = f"the check itself broke: {error!r}"
        return [Finding(name, Status.WARN, what, "please report it, with this line")]
