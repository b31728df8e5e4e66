"""The native library: its location, the structures shared by C and Python, and the base of table
handles.

`abi_generator` generates `abi` from ``fastpath/include/abi.h``; `library` loads libsecbeat and
compares the layout; `native_table` is the base class of each table's Python side.
"""
