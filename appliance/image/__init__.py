"""Builds the appliance image: ``python -m appliance.image build``, or ``make image``.

A Debian 13 builder root compiles and tests libsecbeat and collects the wheels; a base image with
the run-time packages is booted by Packer, which lets the roles in ``playbooks/`` make a node of it
and verifies it; then the disk is closed offline, and the image for bare metal derived from it.
Needs root. Everything that runs for the build lives in namespaces that end with it. See
``docs/image.md``.
"""
