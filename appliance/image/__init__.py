"""Builds the appliance image: ``python -m appliance.image build``, or ``make image``.

A Debian 13 builder root compiles and tests libsecbeat and collects the wheels. Packer boots a base
image with the run-time packages, runs the roles in ``playbooks/``, which make a node of it, and
verifies the result. Then the disk is closed offline, and the image for bare metal is derived from
it. Needs root. Everything that runs for the build is in namespaces that end with it. See
``docs/image.md``.
"""
