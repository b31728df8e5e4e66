"""Sets that are swapped under a worker that scans: what it reads is there until it has gone on."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator

import pytest

from dataplane.native import abi
from dataplane.native.abi import WafClass
from dataplane.tables.retired import Retired
from dataplane.tables.waf_table import WafImage, WafSet
from tests.native.harness import Harness
from tests.native.waf.waf_support import Pattern, Scanner, Waf, image_of

SWAPS = 400
RETIRED_MAX = 4
TEXT = b"GET /a?b=needle17xyz&c=union+select HTTP/1.1\r\nHost: a\r\n\r\n" * 8


class Worker(threading.Thread):
    """Scans all the time, and goes on after each request as a worker's loop does."""

    def __init__(self, scanner: Scanner, node: abi.Node) -> None:
        super().__init__()
        self.node = node
        self.scanner = scanner
        self.stop = threading.Event()
        self.requests = 0
        self.wrong: list[object] = []

    def run(self) -> None:
        while not self.stop.is_set():
            request = self.scanner.begin()
            result = self.scanner.scan(request, TEXT)
            self.scanner.end(request)
            if result or 17 not in request.hits():
                self.wrong.append((result, request.hits()))
            self.requests += 1
            self.node.readers.reader[0].quiescent += 1


@pytest.fixture
def waf(harness: Harness) -> Iterator[Waf]:
    made = Waf(harness)
    yield made
    made.close()


def test_a_worker_scans_while_sets_are_swapped(waf: Waf) -> None:
    node = waf.harness.node
    node.readers.count = 1
    retired = Retired(waf.library, ctypes.addressof(node.readers), RETIRED_MAX)
    sizes = [1, 40, 7, 90]
    data = [compiled(waf, size) for size in sizes]
    for slot in range(200):
        waf.put(slot)
    used: tuple[WafSet, WafImage] | None = None
    worker = Worker(waf, node)
    for number in range(SWAPS):
        image = image_of(waf.library, data[number % len(data)])
        made = WafSet(waf.library, 1)
        made.add(WafClass.ANY, image)
        made.build(used[0] if used else None, is_ready=True)
        node.waf_set = made.address
        if used:
            retired.add(*used)
        used = made, image
        if number == 0:
            worker.start()
        seen = worker.requests
        while not retired.has_room or (number % 10 == 0 and worker.requests < seen + 3):
            retired.reclaim()
    worker.stop.set()
    worker.join()
    assert worker.wrong == []
    assert worker.requests > SWAPS / 10
    node.readers.count = 0
    node.waf_set = 0
    retired.close()
    assert used is not None
    for one in used:
        one.close()


def test_slots_change_under_a_worker_that_scans(waf: Waf) -> None:
    others = range(100, 140)
    patterns = [Pattern(17, "needle17"), *(Pattern(slot, f"select|x{slot}") for slot in others)]
    waf.use([(WafClass.ANY, patterns)])
    waf.put(17)
    worker = Worker(waf, waf.harness.node)
    worker.start()
    for number in range(2000):
        for slot in others:
            if number % 3:
                waf.put(slot, is_listed=number % 2, profile=[number % 7, number % 11])
            else:
                waf.table.remove([slot])
    worker.stop.set()
    worker.join()
    assert worker.wrong == []


def compiled(waf: Waf, size: int) -> bytes:
    image = waf.image(
        [
            Pattern(17, "needle17[x-z]+"),
            *(Pattern(20 + one, f"q{one}[a-f]+w") for one in range(size)),
        ]
    )
    data = ctypes.string_at(image.bytes_address, image.size)
    image.close()
    return data
