"""Kernel, DPDK, libsecbeat, Python packages and system users."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from appliance.doctor.context import Context, Finding, Status
from appliance.host.files import Host
from dataplane.base.errors import SecBeatError

DPDK_OF_ABI = {"23": "22.11", "25": "24.11"}
"""The releases that the project is built and tested with, by the number in their sonames."""
_KERNEL_MIN = (5, 10)
_PYTHON_MIN = (3, 11)
_PACKAGES = (
    "alembic",
    "flask",
    "gunicorn",
    "prometheus-client",
    "pydantic",
    "pyelftools",
    "requests",
    "rich",
    "sqlalchemy",
    "structlog",
    "typer",
)
_LOCK = Path(__file__).resolve().parents[3] / "requirements.lock"


def check_kernel(context: Context) -> Iterator[Finding]:
    """The minimum kernel for sealed shared memory and VFIO."""
    release = context.kernel_release()
    match = re.match(r"(\d+)\.(\d+)", release)
    wanted = ".".join(map(str, _KERNEL_MIN))
    if match and (int(match[1]), int(match[2])) >= _KERNEL_MIN:
        yield Finding("kernel", Status.OK, release)
    else:
        why = f"at least {wanted} is needed (Debian 12 has 6.1, Debian 13 has 6.12)"
        yield Finding("kernel", Status.FAIL, release, why, "apt-get install linux-image-amd64")


def check_dpdk(context: Context) -> Iterator[Finding]:
    """The installed DPDK: 22.11 or 24.11."""
    abi = dpdk_abi(context.host)
    if abi is None:
        why = "libsecbeat is linked with it"
        yield Finding("dpdk", Status.FAIL, "not installed", why, "apt-get install libdpdk-dev")
        return
    version = _pkg_config_version(context.host) or DPDK_OF_ABI.get(abi, "of another release")
    what = f"{version} (ABI {abi})"
    if abi in DPDK_OF_ABI:
        yield Finding("dpdk", Status.OK, what)
    else:
        known = " and ".join(DPDK_OF_ABI.values())
        yield Finding("dpdk", Status.WARN, what, f"tested are {known}")


def check_library(context: Context) -> Iterator[Finding]:
    """``libsecbeat`` can be loaded and has the layout that Python knows."""
    try:
        context.load_library()
    except SecBeatError as error:
        why = "the packet path is in it"
        yield Finding("libsecbeat", Status.FAIL, str(error), why, "make build")
    else:
        yield Finding("libsecbeat", Status.OK, "loads, layout agrees with dataplane/native/abi.py")


def check_python(context: Context) -> Iterator[Finding]:
    """The interpreter, and the packages in the versions of the lock file."""
    version = platform.python_version()
    if sys.version_info >= _PYTHON_MIN:
        yield Finding("python", Status.OK, version)
    else:
        why = f"at least {'.'.join(map(str, _PYTHON_MIN))} is needed (Debian 12 has 3.11)"
        command = "apt-get install python3 && make setup"
        yield Finding("python", Status.FAIL, version, why, command)
    pinned = locked_versions(_LOCK)
    installed = {package: context.installed_version(package) for package in _PACKAGES}
    missing = [package for package, version in installed.items() if version is None]
    other = [
        f"{package} {version} instead of {pinned[package]}"
        for package, version in installed.items()
        if version is not None and pinned.get(package, version) != version
    ]
    if missing:
        why = "the API, the agent or the command can't start"
        what = "not installed: " + ", ".join(missing)
        yield Finding("python packages", Status.FAIL, what, why, "make setup")
    elif other:
        why = "tested are the versions in requirements.lock"
        yield Finding("python packages", Status.WARN, "; ".join(other), why, "make setup")
    else:
        yield Finding("python packages", Status.OK, f"{len(installed)} as locked")


def check_users(context: Context) -> Iterator[Finding]:
    """The two users that separate the data plane from the other processes."""
    config = context.config
    wanted = (config.api.user, config.dataplane.user) if config else ("secbeat", "secbeat-dp")
    lines = (context.host.text("/etc/passwd") or "").splitlines()
    known = {line.partition(":")[0] for line in lines}
    for user in dict.fromkeys(wanted):
        if user in known:
            yield Finding(f"user {user}", Status.OK, "exists")
            continue
        yield Finding(
            f"user {user}",
            Status.FAIL,
            "does not exist",
            "processes that read HTTP must not be those that packets trust",
            f"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {user}",
        )


def dpdk_abi(host: Host) -> str | None:
    """The number in the soname of the newest librte_eal; None: not installed."""
    found = [
        int(match[1])
        for folder in ("/usr/lib/*", "/usr/lib64", "/usr/local/lib/*")
        for path in host.glob(f"{folder}/librte_eal.so.*")
        if (match := re.fullmatch(r"librte_eal\.so\.(\d+)", path.name))
    ]
    return str(max(found)) if found else None


def locked_versions(lock: Path) -> dict[str, str]:
    """Pinned versions of a requirements file; none where there is no such file."""
    try:
        text = lock.read_text()
    except OSError:
        return {}
    return dict(re.findall(r"^([a-z0-9.-]+)==([^\s;\\]+)", text, re.M))


def _pkg_config_version(host: Host) -> str | None:
    for folder in ("/usr/lib/*/pkgconfig", "/usr/lib64/pkgconfig", "/usr/local/lib/*/pkgconfig"):
        for path in host.glob(f"{folder}/libdpdk.pc"):
            match = re.search(r"^Version:\s*(\S+)", path.read_text(errors="replace"), re.M)
            if match:
                return match[1]
    return None
