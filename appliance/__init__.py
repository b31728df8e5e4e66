"""What makes a host an appliance: configuration, command line, lab, process entry points."""
