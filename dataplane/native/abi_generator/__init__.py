"""Generates ``abi.py`` and ``fastpath/abi_layout.c`` from the DWARF of a probe object.

``make -C dataplane/fastpath abi`` compiles ``probe.c`` and runs this package. The layout hash is
the SHA-256 of a canonical description of all structures (names, sizes, offsets, types), enums and
constants. Both files contain it, so that a library and a Python module from different headers are
detected. ``abi_layout.c`` checks the description with static assertions: after a change of a header
without regeneration it does not compile. The product uses the two generated files only.
"""
