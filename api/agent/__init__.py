"""The agent: exports what the data plane publishes as Prometheus metrics and as log lines.

It reads the shared memory through ``dataplane.client``. The packet path does not depend on it.
"""

from dataplane.base.lean import import_without

# structlog imports rich to draw tracebacks on a terminal: 4 MB that an agent never uses.
import_without("rich", module="structlog")
