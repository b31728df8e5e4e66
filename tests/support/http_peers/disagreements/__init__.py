"""Requests that servers read differently, according to measurements of current servers.

Each has ``$`` at a place that some server reads as a value or as a separate request: a test inserts
a word there. ``refused``: always refused, for the reason. ``inspected``: passes, and is refused
because of a rule that matches the word. ``either``: may be refused, but must not pass with a word
that the rule matches.
"""

from __future__ import annotations

from tests.support.http_peers.disagreements.bodies import BODIES
from tests.support.http_peers.disagreements.framing import CODINGS, LENGTHS, SEVERAL
from tests.support.http_peers.disagreements.heads import HOSTS, LINES, PATHS, REQUEST_LINES, SIZES

CASES = [*LINES, *LENGTHS, *CODINGS, *REQUEST_LINES, *PATHS, *HOSTS, *SEVERAL, *SIZES, *BODIES]
