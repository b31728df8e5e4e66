"""A country database for the lab: all its peers are in one country."""

from __future__ import annotations

from pathlib import Path

from tests.support.instances.lab import SECBEAT, run

HEAD = "# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n"


def build(path: Path, tmp_path: Path, code: str) -> None:
    """Build a database in which 198.18.0.0/15, the network of all peers of the lab, has this
    country."""
    (tmp_path / "geoip").write_text(f"{HEAD}3323068416,3323199487,{code}\n")
    (tmp_path / "geoip6").write_text(f"{HEAD}2001:2::,2001:2:ffff::,{code}\n")
    sources = (str(tmp_path / name) for name in ("geoip", "geoip6"))
    done = run(*SECBEAT, "countries", "build", "--tor", *sources, "--file", str(path))
    assert done.returncode == 0, done.stderr
