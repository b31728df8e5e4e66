"""The executable specification of the packet path in plain Python.

Every stage of ``dataplane/fastpath`` has a twin in ``stages/`` with the same name. ``pipeline`` has
the stages in their order, ``packet`` the data that they pass on, ``state`` the data that they read
and count, ``verdict`` the decisions. Time is an argument; nothing is read from the machine.

The differential test (``tests/native/model/test_model.py``) runs the C code and the model with the
same packets, and compares all results. No process of a node imports the model.

Left out on purpose: optimisations (bursts, short paths for plain packets, tables), samples of drops
for the event ring, measured cycles.
"""
