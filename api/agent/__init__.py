"""The agent: what the data plane publishes, as Prometheus metrics and as log lines.

Reads shared memory through ``dataplane.client`` and writes nothing anywhere else: killing it loses
no state, and the packet path does not notice.
"""

from dataplane.base.lean import import_without

# structlog imports rich to draw tracebacks on a terminal: 4 MB that an agent never uses.
import_without("rich", module="structlog")
