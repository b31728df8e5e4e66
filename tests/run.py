"""Runs test tiers, each in a pytest of its own, and closes with one line over all of them.

The end-to-end, image and fleet tiers need root. All but the last two are spread over the CPUs by
files (``-n0`` runs one test at a time). Of the end-to-end tests those marked ``alone`` come
afterwards, in one process. Usage: ``tests/run.py TIER... [-- PYTEST_ARGUMENT...]``

Files whose tests fail are run a second time, by themselves, when there are at most
`FILES_AGAIN_MAX` of them (``docs/adr/0016-failed-files-run-again.md``). Each is named at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

TREE = Path(__file__).resolve().parents[1]
REPORTS = TREE / "build" / "reports"
NO_TESTS_COLLECTED = 5
AS_ROOT = ("e2e", "e2e-alone", "image", "image-nics", "image-scale", "image-upgrade", "fleet")
PARTS = {"e2e": ("e2e", "e2e-alone")}
"""Tiers that are run in several parts."""
ONE_STORY = ("fleet",)
"""Tiers whose files go on where the one before has ended: one by itself says nothing."""
PROCESSES_MAX = {"unit": 4, "native": 4, "sanitize": 4, "api": 4, "e2e": 2}
"""Of the tiers that are spread over the CPUs. Each end-to-end process has a node that polls."""
FILES_AGAIN_MAX = 3
"""In a tier. More than these are no accident of a busy machine."""
FATAL = ("crashed while running", "ERROR: AddressSanitizer", ": runtime error: ")
"""What pytest-xdist says of a test whose process has died, and what the sanitizers report."""


@dataclass(frozen=True)
class Outcome:
    """What one tier's tests came to."""

    tier: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    again: Sequence[str] = ()
    """Files that failed, and passed by themselves."""


def main(arguments: list[str]) -> int:
    """Run the named tiers; returns 0 when nothing failed."""
    # Programs under test are sent it, and who is started in the background is made to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tiers, passed_on = _split(arguments)
    REPORTS.mkdir(parents=True, exist_ok=True)
    parts = [part for tier in tiers for part in PARTS.get(tier, (tier,))]
    outcomes = [_run(part, passed_on) for part in parts]
    print()
    for outcome in outcomes:
        print(f"{outcome.tier:10} {outcome.passed:5} passed {outcome.seconds:7.1f} s")
    for outcome in outcomes:
        for file in outcome.again:
            print(f"{outcome.tier:10} {file} FAILED at first, and passed by itself: see above")
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    passed = sum(outcome.passed for outcome in outcomes)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:cut], arguments[cut + 1 :]


def _run(tier: str, passed_on: list[str]) -> Outcome:
    report = REPORTS / f"{tier}.xml"
    print(f"== tests: {tier}", flush=True)
    started = time.monotonic()
    code = _pytest(tier, report, [*_folders(tier), *_selection(tier), *passed_on])
    passed, failed, skipped = _count(report)
    if code not in (0, NO_TESTS_COLLECTED) and failed == 0:
        failed = 1  # pytest itself broke, or was killed before it could report
    files = _worth_a_second_try(report) if failed and tier not in ONE_STORY else []
    if files:
        print(f"== tests: {tier}, again by themselves: {' '.join(files)}", flush=True)
        second = REPORTS / f"{tier}-again.xml"
        if _pytest(tier, second, [*files, *_selection(tier), "-n0", *passed_on]) == 0:
            passed, failed = passed + failed, 0
        else:
            files = []
    return Outcome(tier, passed, failed, skipped, time.monotonic() - started, files)


def _pytest(tier: str, report: Path, arguments: list[str]) -> int:
    """Run it; returns its exit code."""
    report.unlink(missing_ok=True)
    command = [*_prefix(tier), sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"]
    return subprocess.run(
        [*command, "-o", "junit_family=xunit1", *arguments],  # xunit1 names files
        cwd=TREE,
        env=_environment(tier),
        stdin=subprocess.DEVNULL,
        check=False,
    ).returncode


def _worth_a_second_try(report: Path) -> list[str]:
    """The files with failed tests; none when they are many, or memory is at fault."""
    if not report.exists():
        return []
    text = report.read_text()
    if any(sign in text for sign in FATAL):
        return []
    # Written by the pytest that has just run.
    cases = ET.fromstring(text).iter("testcase")  # noqa: S314
    failed = [case for case in cases if {"failure", "error"} & {part.tag for part in case}]
    files = {case.get("file") for case in failed}
    if None in files or len(files) > FILES_AGAIN_MAX:
        return []
    return sorted(file for file in files if file is not None)


def _prefix(tier: str) -> list[str]:
    if tier not in AS_ROOT or os.geteuid() == 0:
        return []
    # Nothing of root's may stay behind in the tree.
    return ["sudo", "env", "PYTHONDONTWRITEBYTECODE=1"]


def _selection(tier: str) -> list[str]:
    options = ["-p", "no:cacheprovider"] if tier in AS_ROOT and os.geteuid() != 0 else []
    if tier in PROCESSES_MAX:
        processes = min(len(os.sched_getaffinity(0)), PROCESSES_MAX[tier])
        # By files: what the tests of a file share is made once.
        # A process that dies is not started again: its file would be tried time after time.
        options += ["--dist=loadfile", f"--numprocesses={processes}", "--max-worker-restart=0"]
    if tier == "e2e":
        options += ["-m", "not alone", "--no-loadscope-reorder"]  # its conftest.py knows the order
    if tier == "e2e-alone":
        options += ["-m", "alone"]
    return options


def _folders(tier: str) -> list[str]:
    # tests/image/build is Packer's: it looks into the machine that is being made.
    named = {
        "image": ["tests/image/closed", "tests/image/booted"],
        "image-nics": ["tests/image/nics"],
        "image-scale": ["tests/image/scaling"],
        "image-upgrade": ["tests/image/upgrades"],
        "e2e-alone": ["tests/e2e"],
        "sanitize": ["tests/native"],
    }
    return named.get(tier, [f"tests/{tier}"])


def _environment(tier: str) -> dict[str, str]:
    if tier != "sanitize":
        return dict(os.environ)
    return {
        **os.environ,
        "LD_PRELOAD": f"{_runtime('libasan.so')}:{_runtime('libubsan.so')}",
        # Python itself leaks by these rules; the library's are checked by its tests.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "SECBEAT_LIBRARY": str(TREE / "build" / "sanitize" / "libsecbeat-pipeline.so"),
    }


def _runtime(name: str) -> str:
    command = ["gcc", f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _count(report: Path) -> tuple[int, int, int]:
    if not report.exists():
        return 0, 0, 0
    # Written by the pytest that has just run.
    suites = list(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314
    total = sum(int(suite.get("tests", 0)) for suite in suites)
    skipped = sum(int(suite.get("skipped", 0)) for suite in suites)
    failed = sum(int(s.get("failures", 0)) + int(s.get("errors", 0)) for s in suites)
    return max(0, total - failed - skipped), failed, skipped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
