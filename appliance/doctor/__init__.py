"""What keeps a host from being a node: checks that name what is wrong and what mends it.

Reads /sys, /proc and ELF files below an injectable root; changes nothing, asks no network service.
"""

from appliance.doctor.context import Context, Finding, Status
from appliance.doctor.run import examine, worst

__all__ = ["Context", "Finding", "Status", "examine", "worst"]
