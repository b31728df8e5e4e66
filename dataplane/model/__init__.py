"""The executable specification of the packet path: what a node does with a packet, in plain Python.

Every stage of ``dataplane/fastpath`` has a twin here under the same name. Read them in the order in
which a packet meets them: ``parse`` (with ``parse_ip`` and ``parse_transport``), ``sanity``,
``owner``, ``lists``, ``forward``; ``pipeline`` puts them in a row, ``packet`` is what they hand on,
``node`` what they look at and count. Time is an argument, nothing is read from the machine.

Who runs it: the differential test (``tests/native/test_model.py``), which feeds C and model the
same packets and compares all that can be seen. No process of a node imports it.

Left out on purpose: everything that only makes it fast (bursts, short paths for plain packets,
tables), samples of drops for the event ring, measured cycles.
"""
