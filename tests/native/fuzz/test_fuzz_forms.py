"""libFuzzer over the forms of heads and bodies, for a bounded number of inputs.

Part of the sanitizer tier. It starts from requests with every encoding, and bodies of every kind.
``test_fuzz_pipeline`` says what chooses another seed and length.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dataplane.model.stages.http.forms.bodies import Kind
from tests.native.fuzz.test_fuzz_pipeline import (
    ROOT,
    RUNS,
    SECONDS_MAX,
    SEED,
    build_fuzzers,
    run,
)
from tests.native.stages.http.forms import test_forms_body, test_forms_head
from tests.native.stages.http.forms.forms_support import Request

FUZZER = ROOT / "build" / "fuzz" / "fuzz_forms"
HEAD, WHOLE = 128, 8
"""Bits of the first byte; see ``fuzz_forms.c``."""


def samples() -> Iterator[bytes]:
    for bit in test_forms_head.BITS:
        text = bit if bit.isascii() else b"%e9"
        headers = [(b"Host", b"h"), (b"Cookie", b"a=" + bit), (b"Cookie", b"b=" + bit)]
        yield bytes([HEAD]) + Request(b"/a" + text, b"b=" + text, headers).raw()
    for kind in Kind:
        for content, _ in test_forms_body.BROKEN.values():
            yield bytes([kind | WHOLE]) + content
        for bit in test_forms_body.BITS:
            yield bytes([kind]) + test_forms_body.parts(b'{"a": "' + bit + b'"}', b"a=" + bit)


def test_texts_and_pieces_are_sound_whatever_arrives(tmp_path: Path) -> None:
    corpus, found = tmp_path / "corpus", tmp_path / "found"
    corpus.mkdir()
    found.mkdir()
    for number, data in enumerate(samples()):
        (corpus / str(number)).write_bytes(data)
    build_fuzzers()
    bounds = [f"-runs={RUNS}", f"-max_total_time={SECONDS_MAX}", f"-seed={SEED}", "-max_len=2048"]
    prefix = f"-artifact_prefix={FUZZER.parent}/forms-"
    report = run([str(FUZZER), *bounds, prefix, str(found), str(corpus)])
    print(report[-500:])
    assert "Done" in report
