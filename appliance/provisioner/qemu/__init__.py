"""Provider ``qemu``: nodes are virtual machines on this host, overlays of the appliance image.

``secbeat-provider-qemu FILE``, run by the provisioner. It remembers a node by a folder of its name,
which is made before anything else and removed after everything else.
"""
