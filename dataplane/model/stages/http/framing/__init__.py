"""The twin of ``stages/http/{message,framing,...}.c``: parses a request from its first byte.

``message`` calls the readers in order: ``line``, ``headers``, ``body``; ``checks``, with ``host``
and ``content_type``, finds parts of a head that servers read differently.
"""
