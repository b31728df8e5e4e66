"""What crosses a process: the plain values here, the pages they are read from, and the transport.

Layouts come from `dataplane.native.abi`. Names of labels are in `labels`.
"""
