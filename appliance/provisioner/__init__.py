"""``secbeat-provisioner``: runs providers, the commands that create and destroy nodes, as root.

It is the only process of a fleet that runs as root for this. A request names a provider and a node,
but no command: commands are in a file that only root can write.
"""
