"""The words of a command line before parsing: allows ``--json`` at other positions."""

from __future__ import annotations

from collections.abc import Sequence

JSON = "--json"
_END = "--"
"""Words after this one are not options."""


def with_json_last(words: Sequence[str]) -> list[str]:
    """Move ``--json`` from before or between nouns and verbs to the end, where commands accept it.

    After the first other option it is not moved: it may be that option's value.
    """
    leading = next((n for n, word in enumerate(words) if word[:1] == "-" and word != JSON), None)
    first, rest = list(words[:leading]), list(words[len(words) if leading is None else leading :])
    if JSON not in first:
        return list(words)
    first = [word for word in first if word != JSON]
    end = rest.index(_END) if _END in rest else len(rest)
    return [*first, *rest[:end], JSON, *rest[end:]]
