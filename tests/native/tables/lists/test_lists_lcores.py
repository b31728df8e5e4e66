"""Several lcores that meet the same entry of the lists."""

from __future__ import annotations

import ctypes
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.tables.lists import Lists, pack
from tests.native.harness import Harness
from tests.native.tables.lists.lists_support import BLACK, NEVER

ROUTER, ORIGIN = "203.0.113.7", "198.51.100.1"
BURSTS = 50_000
Run = Callable[[Harness], None]


@pytest.fixture
def run(library: ctypes.CDLL, tmp_path: Path) -> Run:
    """Runs what is in a harness's burst many times, without Python in between."""
    output, source = tmp_path / "run.so", Path(__file__).with_name("run_bursts.c")
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", str(output), str(source)], check=True, timeout=60
    )
    function = ctypes.CDLL(str(output)).run_bursts
    function.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_uint32]
    function.restype = None
    pipeline = ctypes.cast(library.sb_pipeline_run, ctypes.c_void_p)

    def run_burst(node: Harness) -> None:
        parts = [ctypes.addressof(part) for part in (node.lcore, node.burst, node.time)]
        function(pipeline, *parts, BURSTS)

    return run_burst


def test_hits_of_an_address_are_all_counted_when_two_lcores_judge_its_packets(
    library: ctypes.CDLL, run: Run
) -> None:
    """ICMP errors are judged by who sent them and belong to the client that they quote."""
    key = Network.parse(ROUTER).key
    with (
        Harness(library, lcores=2, index=0) as first,
        Harness(library, lcores=2, index=1) as second,
        Lists(library, 64, 64, 2, bytes(range(16))) as lists,
    ):
        lists.put(pack([(key, 128, BLACK, NEVER)]))
        for node in (first, second):
            node.node.lists = lists.address
            node.fill([error_about_a_client_of(node)] * abi.BURST_MAX)
        threads = [threading.Thread(target=run, args=(node,)) for node in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        entry = lists.get(key, 128, BLACK)
        assert entry is not None
        assert entry.hits == 2 * BURSTS * abi.BURST_MAX


def error_about_a_client_of(node: Harness) -> bytes:
    """From the router, about a packet to a client that this lcore owns."""
    owner, address = node.library.sb_client_lcore, ctypes.addressof(node.node)
    clients = (f"192.0.2.{last}" for last in range(1, 255))
    mine = (each for each in clients if owner(address, Network.parse(each).key) == node.lcore.index)
    quote = IP(src=ORIGIN, dst=next(mine)) / UDP()
    return bytes(Ether() / IP(src=ROUTER, dst=ORIGIN) / ICMP(type=3) / quote)
