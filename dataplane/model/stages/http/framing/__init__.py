"""The twin of ``stages/http/{message,framing,...}.c``: a request from its first byte.

``message`` puts in a row what the others read: ``line``, ``headers``, ``body``; ``checks``, with
``host`` and ``content_type``, says what of a head servers read differently.
"""
