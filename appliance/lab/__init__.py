"""The lab: client, node and origin on one machine, in network namespaces, with real processes.

Written for developers, tests and first impressions; needs root. It supervises the node's processes
as systemd does on an appliance, and leaves nothing behind when it ends.
"""
