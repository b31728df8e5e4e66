"""Data shared between processes: plain values, the pages that they are read from, and the
transport.

Layouts come from `dataplane.native.abi`. `labels` has the names of labels.
"""
