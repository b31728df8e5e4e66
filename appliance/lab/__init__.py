"""The lab: client, node and origin on one machine, in network namespaces, with real processes.

For developers, tests and first evaluations; needs root. It supervises the node's processes as
systemd does on an appliance, and removes everything when it ends.
"""
