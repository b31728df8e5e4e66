"""Checks of a pattern before the engine compiles it, and the settings for compiling it.

The engine reads some constructs differently from people and PCRE2, without an error: those are
refused here, with their position. The engine itself judges everything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dataplane.waf.compiling.engine import FLAG_CASELESS, FLAG_MULTILINE, FLAG_SINGLEMATCH

_STRICT_REPEAT = re.compile(r"\{\d+(,\d*)?\}", re.ASCII)
_LOOSE_REPEAT = re.compile(r"\{\s*(\d+\s*(,\s*\d*\s*)?|,\s*\d+\s*)\}", re.ASCII)
_VERB = re.compile(r"\(\*[A-Z_]+")
_AT_INDEX = re.compile(r" at index (\d+)\b", re.ASCII)
_BOUNDED_END = re.compile(r"(?<!\\)\{\d+,\d+\}[?+]?\)*$", re.ASCII)
_UNSUPPORTED = re.compile(
    r"\(\?(?:[=!>|&R+]|<[=!]|P[=>]|-?\d|\()|\\[1-9gkKGRXNuULl]|[*+?}]\+", re.ASCII
)
"""Look-around, atomic groups, branch reset, recursion, conditions; back-references and escapes that
the engine does not have; possessive repeats."""
_KNOWN_ESCAPES = frozenset("aAbBcCdDeEfgGhHkKlLnNopPQrRsStuUvVwWxXzZ0123456789")

FLAGS = FLAG_SINGLEMATCH | FLAG_CASELESS | FLAG_MULTILINE
"""The engine's flags of every rule. Case is ignored unless a rule says ``(?-i)``. Values are
scanned joined by LF: ``^`` and ``$`` match at the ends of each value."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason for which a pattern can't be a rule; ``position``: of a character in it, from
    0."""

    text: str
    position: int | None = None


def check(pattern: str) -> Refusal | None:
    """Refuse constructs that the engine accepts with another meaning."""
    for position, construct in _constructs(pattern):
        if construct == "(" and (verb := _VERB.match(pattern, position)):
            return Refusal(
                f"{verb[0]}...) is not supported: patterns match bytes, without options", position
            )
        loose = None if construct != "{" else _LOOSE_REPEAT.match(pattern, position)
        if loose and not _STRICT_REPEAT.match(pattern, position):
            text = f"{loose[0]!r} would be text, not a repeat; write {{n}}, {{n,}} or {{n,m}}"
            return Refusal(text, position)
    return None


def warnings(pattern: str) -> tuple[str, ...]:
    """Warnings about accepted constructs that may not mean what their author intended."""
    found = []
    for position, construct in _constructs(pattern):
        escaped = pattern[position + 1 : position + 2]
        if construct == "\\" and escaped.isalpha() and escaped not in _KNOWN_ESCAPES:
            found.append(f"\\{escaped} at position {position} is the character {escaped}")
    if _BOUNDED_END.search(pattern):
        found.append("the upper bound of the last repeat changes nothing: longer runs match too")
    if not pattern.isascii():
        found.append("characters beyond ASCII are matched as UTF-8 bytes, their case as written")
    return tuple(found)


def refusal_of(text: str, pattern: str) -> Refusal:
    """The engine's message about a pattern; its position in characters."""
    found = _AT_INDEX.search(text)
    message = text.rstrip(".")
    if found is None:
        return Refusal(message, _first_unsupported(pattern))
    before = pattern.encode()[: int(found[1])].decode(errors="ignore")
    return Refusal(_AT_INDEX.sub("", message), len(before))


def _first_unsupported(pattern: str) -> int | None:
    """Position of the first construct that the engine does not support."""
    found = (at for at, _ in _constructs(pattern) if _UNSUPPORTED.match(pattern, at))
    return next(found, None)


def _constructs(pattern: str) -> list[tuple[int, str]]:
    """Positions of ``(``, ``{``, repeats and ``\\``, unless quoted, escaped or in a class."""
    found = []
    position, in_class = 0, False
    while position < len(pattern):
        here = pattern[position]
        if pattern.startswith("\\Q", position):
            end = pattern.find("\\E", position + 2)
            position = len(pattern) if end < 0 else end + 2
            continue
        if pattern.startswith("(?#", position) and not in_class:
            end = pattern.find(")", position)
            position = len(pattern) if end < 0 else end + 1
            continue
        if here == "\\":
            if not in_class:
                found.append((position, here))
            position += 2 + _braced(pattern, position + 1)
            continue
        if in_class and pattern.startswith("[:", position) and ":]" in pattern[position:]:
            position = pattern.index(":]", position) + 2
            continue
        if in_class:
            in_class = here != "]"
        elif here == "[":
            in_class = True
            # A bracket that comes first belongs to the class.
            position += 1 + pattern.startswith("^", position + 1)
            position += pattern.startswith("]", position)
            continue
        elif here in "({}*+?":
            found.append((position, here))
        position += 1
    return found


def _braced(pattern: str, position: int) -> int:
    r"""Length of the braces of ``\x{..}``, ``\o{..}``, ``\p{..}``, ``\g{..}``, ``\k{..}``."""
    if pattern[position : position + 1] not in tuple("xopPgkN"):
        return 0
    if not pattern.startswith("{", position + 1):
        return 0
    end = pattern.find("}", position)
    return 0 if end < 0 else end - position
