"""What makes a machine a node, at every boot: packet memory, CPUs, NICs, first boot, console.

Root one-shots behind ``secbeat host``: each brings the host to what the configuration says, and
does nothing where it is that already. `appliance.doctor` looks at the same files and only reports.
"""
