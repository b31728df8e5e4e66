"""Configures a machine as a node at every boot: packet memory, CPUs, NICs, first boot, console.

One-shots of root behind ``secbeat host``: each brings the host to the configured state, and changes
nothing if it is in that state. `appliance.doctor` reads the same files and only reports.
"""
