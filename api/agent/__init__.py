"""The agent: what the data plane publishes, as Prometheus metrics and as log lines.

Reads shared memory through ``dataplane.client`` and writes nothing anywhere else: killing it loses
no state, and the packet path does not notice.
"""
