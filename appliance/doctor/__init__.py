"""Checks whether a host can be a node; a finding names the fault and the command that repairs it.

Reads /sys, /proc and ELF files below an injectable root; changes nothing, uses no network service.
"""

from appliance.doctor.context import Context, Finding, Status
from appliance.doctor.run import examine, worst

__all__ = ["Context", "Finding", "Status", "examine", "worst"]
