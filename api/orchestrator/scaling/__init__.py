"""More or fewer nodes: jobs that have a provider make, drain and destroy them.

The orchestrator asks ``secbeat-provisioner``, a small root process, over a Unix socket; it never
has root itself, and never touches a node that no job has made.
"""
