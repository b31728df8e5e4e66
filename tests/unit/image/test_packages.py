"""What the image carries: what libsecbeat is linked to, and nothing that only tests need."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.image.system.debian import packages_in

TREE = Path(__file__).parents[3]
PACKAGES = TREE / "packer" / "base" / "packages.txt"
SETUP = TREE / "appliance" / "setup"
LINKED = {"llhttp": "libllhttp", "hs_runtime": "libhyperscan"}
"""The Debian package of each library, without the number of its ABI."""
PEERS = {"dropbear-bin", "hping3", "iperf3", "netsniff-ng", "nginx-light", "wrk"} | {
    *("postgresql", "apache2-bin", "apache2-utils", "nghttp2-client", "sqlmap")
}
"""Of the end-to-end tests: an SSH server, generators of traffic, the origins, a database."""


def test_no_peer_of_a_test_is_in_the_image() -> None:
    lines = PACKAGES.read_text(encoding="utf-8").splitlines()
    packages = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert "openssh-server" in packages
    assert not packages & PEERS


def test_what_the_library_is_linked_to_is_where_it_is_built_and_where_it_runs() -> None:
    makefile = (TREE / "dataplane" / "fastpath" / "Makefile").read_text(encoding="utf-8")
    (linked,) = re.findall(r"^PIPELINE_LIBS := (.*)$", makefile, re.M)
    assert {name.removeprefix("-l") for name in linked.split()} == LINKED.keys()
    developing = packages_in(SETUP / "packages.txt") + packages_in(SETUP / "packages-next.txt")
    building = packages_in(TREE / "appliance" / "image" / "steps" / "builder-packages.txt")
    running = " ".join(packages_in(PACKAGES))
    for package in LINKED.values():
        assert f"{package}-dev" in developing
        assert f"{package}-dev" in building
        assert re.search(rf"\b{package}\d", running)
