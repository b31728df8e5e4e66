"""What crosses a process: rings, shared memory, statistics, events, and the names of their labels.

Layouts come from `dataplane.native.abi`. `protocol` is what is said on the control socket.
"""
