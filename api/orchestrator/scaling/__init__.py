"""Scaling: jobs that create, drain and destroy nodes through a provider.

The orchestrator asks ``secbeat-provisioner``, a small process that runs as root, over a Unix
socket. The orchestrator itself does not run as root, and changes only nodes that jobs have created.
"""
