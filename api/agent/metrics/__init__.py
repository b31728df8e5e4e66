"""Metrics of ports 9090 and 9191: their definitions, their sources, and the exporter."""
