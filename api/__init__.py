"""HTTP, SQL and exporters: no ctypes; enters the data plane through ``dataplane.client`` only."""
