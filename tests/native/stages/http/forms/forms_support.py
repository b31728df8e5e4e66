"""Takes requests apart by the C and by its twin, from parts that are known: no parser is asked."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dataplane.model.stages.http.forms.bodies import Body, values_of_body
from dataplane.model.stages.http.forms.head import Head, values_of_head
from dataplane.model.stages.http.forms.values import Form, Piece, Values
from dataplane.native.abi import WafClass

FASTPATH = Path(__file__).parents[5] / "dataplane" / "fastpath"
ALL_CLASSES = (1 << WafClass.CLASS_COUNT) - 1
HEAD_TEXT_BYTES = 4 * 32768
Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Request:
    """A request to be written down. Values come with a blank in front, as browsers send them."""

    path: bytes = b"/"
    query: bytes | None = None
    headers: Sequence[Header] = ((b"Host", b"example.com"),)
    method: bytes = b"GET"
    behind: bytes = b""
    """Blanks behind each value."""

    def head(self) -> Head:
        return Head(self.raw(), self.method, self.path, self.query or b"", self.headers)

    def raw(self) -> bytes:
        return b"".join(text for text, _ in self._parts())

    def spans(self) -> dict[str, tuple[int, int]]:
        """Offset and size of each part."""
        found, at = {}, 0
        for text, name in self._parts():
            found[name] = at, len(text)
            at += len(text)
        return found

    def _parts(self) -> Iterator[tuple[bytes, str]]:
        yield self.method, "method"
        yield b" ", ""
        yield self.path, "path"
        if self.query is not None:
            yield b"?", ""
            yield self.query, "query"
        yield b" HTTP/1.1\r\n", ""
        for i, (name, value) in enumerate(self.headers):
            yield name, f"name {i}"
            yield b": ", ""
            yield value, f"value {i}"
            yield self.behind + b"\r\n", ""
        yield b"\r\n", ""


class _Span(ctypes.Structure):
    _fields_ = [("offset", ctypes.c_uint32), ("size", ctypes.c_uint32)]


class _Request(ctypes.Structure):
    """struct request of ``forms_run.c``."""

    _fields_ = [
        ("bytes", ctypes.c_void_p),
        ("head_size", ctypes.c_uint32),
        ("method", _Span),
        ("path", _Span),
        ("query", _Span),
        ("boundary", _Span),
        ("content", ctypes.c_uint32),
        ("header_count", ctypes.c_uint32),
        ("trailer_count", ctypes.c_uint32),
        ("spans", ctypes.POINTER(_Span)),
    ]


class _Piece(ctypes.Structure):
    _fields_ = [
        ("offset", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("name", ctypes.c_uint32),
        ("target", ctypes.c_uint8),
    ]


@dataclass
class Found:
    """What one side has found; names of headers as hashes."""

    text: dict[Form, bytes]
    pieces: dict[Form, list[tuple[WafClass, int, bytes]]]
    secret: dict[Form, int]
    faults: set[str] = field(default_factory=set)


class Native:
    """The C, through ``forms_run.c``."""

    def __init__(self, library: ctypes.CDLL, folder: Path, body_limit: int = 0) -> None:
        self.library = library
        self.capacity = HEAD_TEXT_BYTES + 1 + body_limit
        self._run = _compiled(folder)
        self.faults = [
            line[len("SB_HTTP_FAULT(") : -1].lower()
            for line in (FASTPATH / "stages/http/framing/faults.def")
            .read_text("utf-8")
            .splitlines()
            if line.startswith("SB_HTTP_FAULT(")
        ]
        library.sb_waf_name.argtypes = [ctypes.c_char_p, ctypes.c_uint32]
        library.sb_waf_name.restype = ctypes.c_uint32

    def head(self, request: Request, classes: int = ALL_CLASSES) -> Found:
        with self._values(classes) as values:
            assert self.run_head(values, request) == 0
            return self._found(values)

    def run_head(self, values: int, request: Request, times: int = 1) -> int:
        """The error; ``times``: how often, for measurements."""
        spans, raw = request.spans(), request.raw()
        record = _record(raw, len(raw), spans, len(request.headers))
        function = ctypes.cast(self.library.sb_http_values_of_head, ctypes.c_void_p)
        return int(self._run.run_head(function, values, ctypes.byref(record), times))

    def body(self, body: Body, classes: int = ALL_CLASSES) -> Found:
        """``body.content`` is at most the limit that this was made with."""
        with self._values(classes) as values:
            assert self.run_body(values, body) == 0
            return self._found(values)

    def run_body(self, values: int, body: Body) -> int:
        prefix = body.boundary + b"".join(name + value for name, value in body.trailers)
        record = _record(prefix, 0, {"boundary": (0, len(body.boundary))}, 0, body.trailers)
        record.content = body.kind
        function = ctypes.cast(self.library.sb_http_values_of_body, ctypes.c_void_p)
        content = body.content
        return int(
            self._run.run_body(
                function, values, ctypes.byref(record), content, len(content), body.is_whole
            )
        )

    @contextmanager
    def _values(self, classes: int, capacity: int | None = None) -> Iterator[int]:
        values = self._run.values_create(capacity or self.capacity, classes)
        try:
            yield values
        finally:
            self._run.values_destroy(values)

    values = _values

    def _found(self, values: int) -> Found:
        found = Found({}, {}, {})
        count = ctypes.c_uint32()
        for form in Form:
            text = self._run.values_text(values, form, ctypes.byref(count))
            found.text[form] = ctypes.string_at(text, count.value)
            assert bool(self._run.values_differs(values) >> form & 1) == bool(found.text[form])
            found.secret[form] = self._run.values_secret(values, form)
            pieces = self._run.values_pieces(values, form, ctypes.byref(count))
            found.pieces[form] = [
                (WafClass(one.target), one.name, ctypes.string_at(text + one.offset, one.size))
                for one in pieces[: count.value]
            ]
        faults = self._run.values_faults(values)
        found.faults = {name for i, name in enumerate(self.faults) if faults >> i & 1}
        return found

    def modelled(self, values: Values, classes: int = ALL_CLASSES) -> Found:
        """What the twin says, in the same terms."""

        def piece(one: Piece) -> tuple[WafClass, int, bytes]:
            name = self.library.sb_waf_name(one.name, len(one.name)) if one.name else 0
            return one.target, name, one.text

        return Found(
            dict(values.text),
            {
                form: [piece(one) for one in found if classes >> one.target & 1]
                for form, found in values.pieces.items()
            },
            values.secret,
            {fault.value for fault in values.faults},
        )

    def assert_head(self, request: Request, classes: int = ALL_CLASSES) -> Found:
        """C and twin find the same."""
        found = self.head(request, classes)
        assert found == self.modelled(values_of_head(request.head()), classes)
        return found

    def assert_body(self, body: Body, classes: int = ALL_CLASSES) -> Found:
        """C and twin find the same."""
        found = self.body(body, classes)
        assert found == self.modelled(values_of_body(body), classes)
        return found


def _record(
    raw: bytes,
    head_size: int,
    spans: dict[str, tuple[int, int]],
    headers: int,
    trailers: Sequence[Header] = (),
) -> _Request:
    every = [_Span(*spans[f"{part} {i}"]) for i in range(headers) for part in ("name", "value")]
    at = spans.get("boundary", (0, 0))[1]
    for text in (part for trailer in trailers for part in trailer):
        every.append(_Span(at, len(text)))
        at += len(text)
    memory = ctypes.create_string_buffer(raw, max(1, len(raw)))
    made = _Request(
        bytes=ctypes.addressof(memory),
        head_size=head_size,
        header_count=headers,
        trailer_count=len(trailers),
        spans=(_Span * max(1, len(every)))(*every),
    )
    made.memory = memory  # type: ignore[attr-defined]
    for part in ("method", "path", "query", "boundary"):
        setattr(made, part, _Span(*spans.get(part, (0, 0))))
    return made


def _compiled(folder: Path) -> ctypes.CDLL:
    output, source = folder / "forms_run.so", Path(__file__).with_name("forms_run.c")
    command = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
    command += [f"-I{FASTPATH}", f"-I{FASTPATH / 'include'}", "-o", str(output), str(source)]
    subprocess.run(command, check=True, timeout=180)
    run = ctypes.CDLL(str(output))
    run.values_create.argtypes = [ctypes.c_uint32, ctypes.c_uint32]
    run.values_create.restype = ctypes.c_void_p
    run.values_destroy.argtypes = [ctypes.c_void_p]
    run.values_text.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p]
    run.values_text.restype = ctypes.c_void_p
    run.values_pieces.argtypes = run.values_text.argtypes
    run.values_pieces.restype = ctypes.POINTER(_Piece)
    run.values_differs.argtypes = run.values_faults.argtypes = [ctypes.c_void_p]
    run.values_secret.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    run.values_secret.restype = ctypes.c_uint32
    run.values_differs.restype, run.values_faults.restype = ctypes.c_uint32, ctypes.c_uint64
    run.run_head.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_uint32]
    run.run_body.argtypes = [ctypes.c_void_p] * 3 + [
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.c_bool,
    ]
    return run
