"""The native library: where it is, what C and Python share, and the handle of a table in it.

`abi` is generated from ``fastpath/include/abi.h`` by `abi_generator`; `library` loads libsecbeat
and compares the layout; `native_table` is the base of each table's Python side.
"""
