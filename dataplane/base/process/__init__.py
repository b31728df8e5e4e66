"""A process and others of its host: Unix sockets, service manager, error of a failed start."""
