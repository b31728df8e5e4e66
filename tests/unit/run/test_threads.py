"""What the kernel says of the workers' threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.run.workers.threads import Ran, WorkerThreads


def make(directory: Path, thread: int, name: str, state: str) -> None:
    task = directory / str(thread)
    task.mkdir()
    (task / "comm").write_text(f"{name}\n")
    (task / "schedstat").write_text("5000000 7000000 3\n")
    (task / "stat").write_text(f"{thread} (a) name) {state} 1 2 3\n")


@pytest.mark.parametrize("name", ["rte-worker-{}", "lcore-worker-{}", "dpdk-worker{}"])
def test_an_lcore_is_found_by_its_number(tmp_path: Path, name: str) -> None:
    make(tmp_path, 10, "python", "S")
    make(tmp_path, 11, name.format(1), "R")
    make(tmp_path, 12, name.format(12), "t")
    threads = WorkerThreads([12, 1], tmp_path)
    assert threads.ran(0) == Ran(5, is_runnable=False)
    assert threads.ran(1) == Ran(5, is_runnable=True)


def test_of_what_the_kernel_does_not_tell_nothing_is_said(tmp_path: Path) -> None:
    threads = WorkerThreads([1], tmp_path)
    assert threads.ran(0) is None
    make(tmp_path, 11, "rte-worker-1", "R")
    (tmp_path / "11" / "schedstat").unlink()
    assert threads.ran(0) is None
