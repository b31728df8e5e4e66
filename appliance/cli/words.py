"""The words of a command line, before they are parsed: where ``--json`` may stand."""

from __future__ import annotations

from collections.abc import Sequence

JSON = "--json"
_END = "--"
"""What follows it is no option."""


def with_json_last(words: Sequence[str]) -> list[str]:
    """``--json`` before or between the nouns and verbs goes behind everything, as commands take it.

    Behind the first other option it stays where it is: there it may be that option's value.
    """
    leading = next((n for n, word in enumerate(words) if word[:1] == "-" and word != JSON), None)
    first, rest = list(words[:leading]), list(words[len(words) if leading is None else leading :])
    if JSON not in first:
        return list(words)
    first = [word for word in first if word != JSON]
    end = rest.index(_END) if _END in rest else len(rest)
    return [*first, *rest[:end], JSON, *rest[end:]]
