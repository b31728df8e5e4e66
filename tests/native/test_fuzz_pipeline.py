"""libFuzzer over the whole pipeline, for a bounded number of inputs; part of the sanitizer tier.

``make -C dataplane/fastpath fuzz`` builds it; run ``build/fuzz/fuzz_pipeline DIRECTORY
tests/native/corpus`` for as long as you like. ``SECBEAT_FUZZ_SEED`` and ``SECBEAT_FUZZ_RUNS``
choose another seed and length. What breaks it is left in ``build/fuzz``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.native.fuzz_corpus import CORPUS, inputs

ROOT = Path(__file__).parents[2]
FUZZER = ROOT / "build" / "fuzz" / "fuzz_pipeline"
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


def test_the_corpus_holds_every_frame() -> None:
    assert {name for name, _ in inputs()} <= {path.name for path in CORPUS.iterdir()}


def test_the_ledger_holds_whatever_arrives(tmp_path: Path) -> None:
    run(["make", "-s", "-C", "dataplane/fastpath", "fuzz"])
    bounds = [f"-runs={RUNS}", f"-max_total_time={SECONDS_MAX}", f"-seed={SEED}", "-max_len=4096"]
    report = run(
        [str(FUZZER), *bounds, f"-artifact_prefix={FUZZER.parent}/", str(tmp_path), str(CORPUS)]
    )
    print(report[-500:])
    assert "Done" in report
