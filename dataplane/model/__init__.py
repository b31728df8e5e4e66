"""The executable specification of the packet path: what a node does with a packet, in plain Python.

Every stage of ``dataplane/fastpath`` has a twin in ``stages/`` under the same name. ``pipeline``
puts them in the row in which a packet meets them, ``packet`` is what they hand on,
``state`` what they look at and count, ``verdict`` how they decide. Time is an argument, nothing is
read from the machine.

Who runs it: the differential test (``tests/native/model/test_model.py``), which feeds C and model
the same packets and compares all that can be seen. No process of a node imports it.

Left out on purpose: everything that only makes it fast (bursts, short paths for plain packets,
tables), samples of drops for the event ring, measured cycles.
"""
