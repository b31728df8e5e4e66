"""Debian roots by mmdebstrap: packages, sources, and minimal options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from appliance.image.errors import ImageError

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]+")
# Kept in the root by mmdebstrap, so that later installations follow them too.
_APT_OPTIONS = (
    'Acquire::Languages "none";',
    'Acquire::Retries "5";',
    'APT::Install-Recommends "false";',
)
# A half-written root is discarded after a crash: dpkg need not wait for the disk.
_UNSAFE_IO = "force-unsafe-io"
_DPKG_OPTIONS = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "path-exclude=/usr/share/lintian/*",
)


def packages_in(file: Path) -> list[str]:
    """The packages that a list names, one per line, ``#`` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    packages = [line for line in lines if line]
    for package in packages:
        if not _PACKAGE_NAME.fullmatch(package):
            raise ImageError(f"{file}: {package!r} is not the name of a Debian package")
    return packages


def sources(mirror: str, security_mirror: str) -> list[str]:
    """apt's lines for the suite, its updates and its security updates."""
    signed = f"deb [signed-by={KEYRING}]"
    return [
        f"{signed} {mirror} {SUITE} main",
        f"{signed} {mirror} {SUITE}-updates main",
        f"{signed} {security_mirror} {SUITE}-security main",
    ]


def mmdebstrap(root: Path, packages: Sequence[str], source_lines: Sequence[str]) -> list[str]:
    """The command that makes the folder ``root`` a Debian root with these packages."""
    return [
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        *(f"--aptopt={option}" for option in _APT_OPTIONS),
        *(f"--dpkgopt={option}" for option in (_UNSAFE_IO, *_DPKG_OPTIONS)),
        f"--include={','.join(packages)}",
        *(SUITE, str(root)),
        *source_lines,
    ]


def safe_again(root: Path) -> None:
    """Make dpkg wait for the disk again in a root that becomes a machine."""
    file = root / "etc/dpkg/dpkg.cfg.d/99mmdebstrap"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if line.strip() != _UNSAFE_IO))


def sources_file(mirror: str, security_mirror: str, components: str = "main") -> str:
    """The appliance's own ``debian.sources`` (deb822), for updates in the field."""
    stanzas = (
        (mirror, f"{SUITE} {SUITE}-updates"),
        (security_mirror, f"{SUITE}-security"),
    )
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: {components}\n"
        f"Signed-By: {KEYRING}\n"
        for uri, suites in stanzas
    )
