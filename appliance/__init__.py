"""The appliance: configuration, command line, lab, entry points of the processes."""
