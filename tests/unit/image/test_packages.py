"""What the image carries: nothing that only tests need."""

from __future__ import annotations

from pathlib import Path

PACKAGES = Path(__file__).parents[3] / "packer" / "base" / "packages.txt"
PEERS = {"dropbear-bin", "hping3", "iperf3", "netsniff-ng", "nginx-light", "wrk"}
"""Of the end-to-end tests: an SSH server, generators of traffic, the origin."""


def test_no_peer_of_a_test_is_in_the_image() -> None:
    lines = PACKAGES.read_text(encoding="utf-8").splitlines()
    packages = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert "openssh-server" in packages
    assert not packages & PEERS
