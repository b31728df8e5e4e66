"""``secbeat-provisioner``: runs providers, the commands that make and destroy nodes, as root.

It is the only process of a fleet that has root for that. Who asks names a provider and a node and
nothing that is run: commands are in a file that root alone can write.
"""
