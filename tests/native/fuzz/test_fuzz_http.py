"""libFuzzer over requests and responses, for a bounded number of inputs.

Part of the sanitizer tier.

It starts from the requests that servers disagree about. ``test_fuzz_pipeline`` says what chooses
another seed and length.
"""

from __future__ import annotations

from pathlib import Path

from tests.native.fuzz.test_fuzz_pipeline import (
    ROOT,
    RUNS,
    SECONDS_MAX,
    SEED,
    build_fuzzers,
    run,
)
from tests.native.stages.http.peers.disagreements import cases
from tests.native.stages.http.peers.responses import RESPONSES

FUZZER = ROOT / "build" / "fuzz" / "fuzz_http"
PIECES = (0, 1, 7, 128)


def test_the_same_is_found_however_bytes_are_cut(tmp_path: Path) -> None:
    corpus, found = tmp_path / "corpus", tmp_path / "found"
    corpus.mkdir()
    found.mkdir()
    samples = [*(case.data for case in cases()), *(data for data, _ in RESPONSES.values())]
    for number, data in enumerate(samples):
        piece = PIECES[number % len(PIECES)]
        (corpus / str(number)).write_bytes(bytes([piece]) + data)
    build_fuzzers()
    bounds = [f"-runs={RUNS}", f"-max_total_time={SECONDS_MAX}", f"-seed={SEED}", "-max_len=2048"]
    prefix = f"-artifact_prefix={FUZZER.parent}/http-"
    report = run([str(FUZZER), *bounds, prefix, str(found), str(corpus)])
    print(report[-500:])
    assert "Done" in report
