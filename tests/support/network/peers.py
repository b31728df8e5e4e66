"""Real peers besides curl: iperf3, datagrams at a fixed rate, VLANs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.instances.lab import Lab, run
from tests.support.waiting import wait_for

SEQUENCE = Path(__file__).with_name("sequence.py")
VLAN_RELAY = Path(__file__).with_name("vlan_relay.py")


@contextmanager
def background(*command: str, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """Run a process that ends with the block."""
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def iperf_server(lab: Lab) -> Iterator[None]:
    """Run iperf3 as the origin, on both families, during the block."""
    # Without a report every second: nobody reads the output, and a full pipe would block the
    # server.
    command = ("iperf3", "--server", "--forceflush", "--interval", "0")
    with background(*lab.enter("origin"), *command) as server:
        assert server.stdout is not None
        while "listening" not in (line := server.stdout.readline()):
            assert line, "iperf3 has ended"
        yield


def iperf(lab: Lab, address: str, *options: str, megabytes: int = 16) -> int:
    """Send this much over TCP between client and origin; returns the bytes that were sent.

    It does not return the bytes received: iperf3 may print its report before the last ones arrive.
    """

    def transfer() -> dict[str, Any] | None:
        command = ("iperf3", "--client", address, "--json", "--bytes", f"{megabytes}M")
        done = lab.in_client(*command, *options)
        report: dict[str, Any] = json.loads(done.stdout)
        # The server accepts one client at a time, and may not have finished the previous one.
        if "busy" in report.get("error", ""):
            return None
        assert "error" not in report, report["error"]
        return report

    report = wait_for(transfer, "the iperf3 server is free")
    return int(report["end"]["sum_sent"]["bytes"])


def wrk_until(lab: Lab, url: str, wanted: int, *options: str) -> None:
    """Run wrk repeatedly until more than ``wanted`` requests were answered, all with 200."""
    answered = 0

    def enough() -> bool:
        nonlocal answered
        command = ("wrk", "--threads", "1", "--timeout", "30s", *options, url)
        done = lab.in_client(*command, timeout_s=120)
        assert "Socket errors" not in done.stdout, done.stdout
        assert "Non-2xx" not in done.stdout, done.stdout
        assert " requests in " in done.stdout, done.stdout + done.stderr
        answered += int(done.stdout.split(" requests in ")[0].split()[-1])
        return answered > wanted

    wait_for(enough, f"more than {wanted} requests are answered")


class Sequence:
    """Numbered datagrams from client to origin at a fixed rate."""

    def __init__(self, sender: subprocess.Popen[str], receiver: subprocess.Popen[str]) -> None:
        self._sender = sender
        self._receiver = receiver

    def finish(self) -> tuple[int, int]:
        """Stop both, the receiver when it has all or nothing more arrives; returns sent and
        received."""
        self._sender.terminate()
        sent, _ = self._sender.communicate(timeout=60)
        received, _ = self._receiver.communicate(f"{int(sent)}\n", timeout=120)
        return int(sent), int(received)


@contextmanager
def sequence(lab: Lab, address: str, port: int, rate_pps: int) -> Iterator[Sequence]:
    """Send during the block; `Sequence.finish` returns the counts."""
    script = (sys.executable, str(SEQUENCE))
    receiving = (*script, "receive", str(port))
    with background(*lab.enter("origin"), *receiving, stdin=subprocess.PIPE) as receiver:
        assert receiver.stdout is not None
        assert "listening" in receiver.stdout.readline()
        sending = (*script, "send", address, str(port), str(rate_pps))
        with background(*lab.enter("client"), *sending) as sender:
            yield Sequence(sender, receiver)


@contextmanager
def vlan(
    lab: Lab, tag: int, addresses: dict[str, list[str]], bad: tuple[int, int] | None = None
) -> Iterator[None]:
    """A VLAN on both endpoints, with these addresses by peer; returns when the origin answers.

    ``bad``: the number of frames per thousand that are lost, and that are reordered, in each
    direction.
    """
    with ExitStack() as stack:
        for peer, wanted in addresses.items():
            name = stack.enter_context(_vlan_interface(lab, peer, tag, bad))
            for address in wanted:
                lab.add_address(peer, address, name)
        for address in addresses["origin"]:
            wait_for(partial(_answers, lab, address.split("/")[0]), f"{address} answers")
        yield


def _answers(lab: Lab, address: str) -> bool:
    host = f"[{address}]" if ":" in address else address
    return lab.curl(f"http://{host}/").returncode == 0


@contextmanager
def _vlan_interface(lab: Lab, peer: str, tag: int, bad: tuple[int, int] | None) -> Iterator[str]:
    """A VLAN interface of the kernel if it supports VLANs, else one of `vlan_relay.py`. It is up;
    yields its name."""
    name, namespace = f"net0.{tag}", getattr(lab.instance.namespaces, peer)
    link = ("link", "add", "link", "net0", "name", name, "type", "vlan", "id", str(tag))
    if bad is None and run("ip", "-n", namespace, *link).returncode == 0:
        _ip(namespace, "link", "set", name, "up")
        yield name
        _ip(namespace, "link", "delete", name)
        return
    command = (*lab.enter(peer), sys.executable, str(VLAN_RELAY), "net0", name, str(tag))
    command = (*command, *map(str, bad or ()))
    with background(*command) as relay:
        assert relay.stdout is not None
        assert "ready" in relay.stdout.readline()
        yield name
        if relay.poll() is not None:
            raise AssertionError(f"{peer}'s VLAN interface has gone:\n{relay.stdout.read()}")


def flood(lab: Lab, source: str, target: str, count: int) -> None:
    """Send this many SYNs from a forged source, as fast as hping3 can."""
    lab.in_client(
        *("hping3", "--quiet", "--syn", "--destport", "80", "--spoof", source),
        *("--count", str(count), "--interval", "u10", target),
    )


def wait_until_refused(lab: Lab, url: str, source: str) -> None:
    """Wait until the client gets no answer any more."""
    wait_for(lambda: lab.curl(url, source, timeout_s=1).returncode != 0, f"{source} is stopped")


def _ip(namespace: str, *arguments: object) -> None:
    done = run("ip", "-n", namespace, *(str(argument) for argument in arguments))
    assert done.returncode == 0, done.stderr
