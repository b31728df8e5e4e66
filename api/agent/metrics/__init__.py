"""What ports 9090 and 9191 show: metrics as data, where they are read, and the exporter."""
