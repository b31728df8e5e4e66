"""HTTP services, databases and exporters. No ctypes; only ``dataplane.client`` reaches the data
plane."""
