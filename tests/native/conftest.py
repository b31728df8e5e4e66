"""Native tests: the pipeline part of libsecbeat, built from the sources as they are."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

import pytest

from dataplane.native import library as loader
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.syn.syn_proxy_support import FRAMES, proxying
from tests.native.harness import Harness
from tests.support.native import build_pipeline

ALONE = [
    "process/test_abi.py",
    "process/test_agent.py",
    "process/test_installed_pmds.py",
    "process/test_process.py",
    "process/test_worker.py",
    "process/test_rules_process.py",
    "waf/test_hostile_clients.py",
    "waf/test_rebuild.py",
    "waf/rules",
    "waf/test_rules_leak.py",
]
"""They start processes of their own, with the library that links DPDK or with none: nothing that a
sanitizer would see, and limits of memory and time that it would break."""
FUZZED = ["model/test_model.py", "stages/http/test_message_model.py"]
"""What a sanitizer would see of its packets, it sees of the fuzzer's, in a tenth of the time."""
FUZZER = ["fuzz/test_fuzz_pipeline.py", "fuzz/test_fuzz_http.py", "fuzz/test_fuzz_forms.py"]
"""They bring sanitizers of their own: once is enough."""

is_sanitized = "sanitize" in os.environ.get(loader.ENVIRONMENT_VARIABLE, "")
collect_ignore = [*ALONE, *FUZZED] if is_sanitized else FUZZER


@pytest.fixture(scope="session")
def library() -> ctypes.CDLL:
    """``$SECBEAT_LIBRARY`` (the sanitizer run names one), else the pipeline, brought up to date."""
    if os.environ.get(loader.ENVIRONMENT_VARIABLE):
        return loader.load()
    return loader.load(build_pipeline())


@pytest.fixture
def harness(library: ctypes.CDLL) -> Iterator[Harness]:
    """One node with one lcore, every reason in its default mode."""
    with Harness(library) as made:
        yield made


@pytest.fixture(params=FRAMES)
def like(request: pytest.FixtureRequest) -> bytes:
    """A frame from a client, of each kind that the SYN proxy answers."""
    return bytes(FRAMES[request.param])


@pytest.fixture
def secrets(harness: Harness) -> Iterator[CookieSecrets]:
    """The harness's SYN proxy is on; those of its cookies."""
    with proxying(harness) as found:
        yield found
