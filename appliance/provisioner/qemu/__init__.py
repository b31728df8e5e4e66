"""Provider ``qemu``: nodes are virtual machines on this host, overlays of the appliance image.

``secbeat-provider-qemu FILE``, run by the provisioner. It records a node by a folder with its name,
which is created first and removed last.
"""
