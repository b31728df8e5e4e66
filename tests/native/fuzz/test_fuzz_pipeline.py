"""libFuzzer over the pipeline and over HTTP's streams, bounded; part of the sanitizer tier.

``make -C dataplane/fastpath fuzz`` builds both; run ``build/fuzz/fuzz_pipeline DIRECTORY
tests/native/fuzz/corpus`` (or ``fuzz_stream``, ``stream``) for as long as you like.
``SECBEAT_FUZZ_SEED`` and ``SECBEAT_FUZZ_RUNS`` choose another seed and length. What breaks it is
left in ``build/fuzz``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.native.fuzz.fuzz_corpus import CORPUS, inputs
from tests.native.fuzz.stream_corpus import CORPUS as STREAM_CORPUS
from tests.native.fuzz.stream_corpus import inputs as stream_inputs

ROOT = Path(__file__).parents[3]
BUILD = ROOT / "build" / "fuzz"
CORPORA = {"fuzz_pipeline": (CORPUS, inputs), "fuzz_stream": (STREAM_CORPUS, stream_inputs)}
SEED = int(os.environ.get("SECBEAT_FUZZ_SEED", "1"))
RUNS = int(os.environ.get("SECBEAT_FUZZ_RUNS", "500000"))
SECONDS_MAX = 20


def run(command: list[str]) -> str:
    """Without the sanitizers' runtime of gcc, which this process has preloaded."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-8000:]
    return done.stderr


def build_fuzzers() -> None:
    """Compile all of them; several processes may ask at once."""
    BUILD.parent.mkdir(exist_ok=True)
    lock = str(BUILD.parent / ".fuzz.lock")
    run(["flock", lock, "make", "-s", "-C", "dataplane/fastpath", "fuzz"])


@pytest.mark.parametrize("fuzzer", CORPORA)
def test_the_corpus_holds_every_input(fuzzer: str) -> None:
    corpus, made = CORPORA[fuzzer]
    assert {name for name, _ in made()} <= {path.name for path in corpus.iterdir()}


@pytest.mark.parametrize("fuzzer", CORPORA)
def test_what_must_hold_holds_whatever_arrives(tmp_path: Path, fuzzer: str) -> None:
    build_fuzzers()
    bounds = [f"-runs={RUNS}", f"-max_total_time={SECONDS_MAX}", f"-seed={SEED}", "-max_len=4096"]
    places = f"-artifact_prefix={BUILD}/", str(tmp_path), str(CORPORA[fuzzer][0])
    report = run([str(BUILD / fuzzer), *bounds, *places])
    print(report[-500:])
    assert "Done" in report
