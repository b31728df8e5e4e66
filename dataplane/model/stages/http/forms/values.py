"""The scanned parts of a request, in three forms: twin of ``forms.h`` and ``forms.c``."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dataplane.model.stages.http.forms.encodings import decode, fold, unescape
from dataplane.native.abi import WafClass


class Form(enum.IntEnum):
    """RAW: as sent; DECODED: as applications read it; FOLDED: as the most lenient reader does."""

    RAW = 0
    DECODED = 1
    FOLDED = 2


class Fault(enum.Enum):
    """Errors of a path or a body, named as in ``faults.def``."""

    PATH_ESCAPE = "path_escape"
    PATH_ROOT = "path_root"
    BODY_CHARSET = "body_charset"
    MULTIPART_SYNTAX = "multipart_syntax"
    MULTIPART_ENCODING = "multipart_encoding"
    MULTIPART_END = "multipart_end"


class Piece(NamedTuple):
    """Bytes in which the rules of one class are searched."""

    target: WafClass
    name: bytes
    """Name of the header, in lower case; else empty."""
    text: bytes


@dataclass
class Values:
    """The scanned parts of one request. A text is lines, each with LF (RAW: also a head
    or body)."""

    text: dict[Form, bytes] = field(default_factory=lambda: dict.fromkeys(Form, b""))
    pieces: dict[Form, list[Piece]] = field(default_factory=lambda: {one: [] for one in Form})
    faults: set[Fault] = field(default_factory=set)
    secret: dict[Form, int] = field(default_factory=dict)
    """Offset after which the lines are cookies and credentials."""

    def secrets_follow(self) -> None:
        """Lines added from now on are secret."""
        self.secret = {form: len(text) for form, text in self.text.items()}

    def raw_piece(self, target: WafClass, text: bytes, name: bytes = b"") -> None:
        """A piece of the sent bytes, unless it is empty."""
        if text:
            self.pieces[Form.RAW].append(Piece(target, name, text))

    def add(self, lines: Lines, targets: Iterable[tuple[WafClass, bytes]]) -> None:
        """Add lines for DECODED and FOLDED as one piece for each of the targets."""
        for target, name in targets:
            for form, found in lines.items():
                if found:
                    self.pieces[form].append(Piece(target, name, b"\n".join(found)))
        for form, found in lines.items():
            self.text[form] += b"".join(line + b"\n" for line in found)


Lines = dict[Form, list[bytes]]


@dataclass(frozen=True)
class Reading:
    """The settings for decoding values of one kind."""

    decode: Callable[[bytes], bytes]
    plus: bool = False
    folds_line_ends: bool = False
    """Fold line ends and NUL even in a value in which nothing else was folded."""
    is_line: bool = False
    """In DECODED even if it does not differ: RAW has no line of its own for it."""


ARGUMENT = Reading(lambda value: decode(value, plus=True), plus=True, folds_line_ends=True)
BODY_ARGUMENT = replace(ARGUMENT, is_line=True)
HEADER = Reading(lambda value: decode(value, plus=False))
JSON = Reading(unescape, is_line=True)
TEXT = Reading(lambda value: value, folds_line_ends=True)
FIELD = replace(TEXT, is_line=True)


def no_lines() -> Lines:
    """No lines: nothing differs."""
    return {Form.DECODED: [], Form.FOLDED: []}


def together(found: Iterable[Lines]) -> Lines:
    """Lines of several values, in order."""
    every = list(found)
    return {form: [line for one in every for line in one[form]] for form in no_lines()}


def lines_of(values: Iterable[bytes], reading: Reading) -> Lines:
    """Lines of each value that differ from the previous form."""
    lines = no_lines()
    for sent in values:
        decoded = reading.decode(sent)
        if decoded != sent or (reading.is_line and sent):
            lines[Form.DECODED].append(decoded)
        folded = fold(decoded, plus=reading.plus)
        is_asked = reading.folds_line_ends or decoded != sent or _has_escape(sent)
        if folded != decoded and is_asked:
            lines[Form.FOLDED].append(folded)
    return lines


def _has_escape(value: bytes) -> bool:
    return any(byte in b"%&" or byte >= 0x80 for byte in value)
