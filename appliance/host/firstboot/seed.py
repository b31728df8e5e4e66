"""The files of a volume labelled CIDATA: configuration, network, ssh keys.

Such a volume may also, or only, have files of cloud-init (NoCloud: ``user-data``, ``meta-data``).
SecBeat's files are checked before they are installed: any of them may be too large, or not a
regular file.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from appliance.commands import CommandError, Run, wait_for_udev
from appliance.host.files import Host, HostError
from appliance.host.steps import Step
from dataplane.base.errors import SecBeatError

LABELS = ("CIDATA", "cidata")
CONFIGURATION, POLICY, KEYS = "secbeat.toml", "policy.toml", "authorized_keys"
FILE_BYTES_MAX = 1 << 20
NETWORK_FILES_MAX = 64
_CLOUD_INIT = {"user-data", "meta-data"}
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}\.network")
_PLACE = "/etc/secbeat"
_MOUNT_POINT = "/run/secbeat-seed"


@dataclass(frozen=True)
class Seed:
    """The volume's files that belong to SecBeat, by their place on this host."""

    files: dict[str, bytes] = field(default_factory=dict)
    authorized_keys: bytes | None = None
    is_cloud_inits: bool = False
    troubles: tuple[Step, ...] = ()
    """Invalid files, as steps that fail."""
    has_keys: bool = False
    """Whether the volume has ssh keys, even if these are invalid."""


def read_seed(host: Host, run: Run) -> Seed | None:
    """Read and check the volume; None: there is none. An unreadable one has only troubles."""
    try:
        wait_for_udev(run)  # a missed volume would give the account an empty password
        places = (f"/dev/disk/by-label/{label}" for label in LABELS)
        device = next(filter(host.exists, places), None)
        if device is None:
            return None
        with _mounted(host, run, device) as volume:
            return _read(volume)
    except (HostError, CommandError) as error:
        return Seed(troubles=(_trouble(error),), has_keys=True)


@contextmanager
def _mounted(host: Host, run: Run, device: str) -> Iterator[Path]:
    place = host.path(_MOUNT_POINT)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    run("mount", "-o", "ro,nosuid,nodev,noexec", device, str(place))
    try:
        yield place
    finally:
        run("umount", str(place))
        place.rmdir()


def _read(volume: Path) -> Seed:
    files: dict[str, bytes] = {}
    troubles: list[Step] = []
    keys: bytes | None = None
    for part in (_configuration, _policy, _networks):
        try:
            files |= part(volume)
        except SecBeatError as error:
            troubles.append(_trouble(error))
    try:
        keys = _keys(volume)
    except HostError as error:
        troubles.append(_trouble(error))
    names = {path.name for path in volume.iterdir()}
    return Seed(files, keys, bool(names & _CLOUD_INIT), tuple(troubles), KEYS in names)


def _configuration(volume: Path) -> dict[str, bytes]:
    content = _content(volume / CONFIGURATION)
    if content is None:
        return {}
    from appliance.config.load import load_config  # noqa: PLC0415 - most first boots need it not

    try:
        load_config(volume / CONFIGURATION)
    except SecBeatError as error:
        # This mount point will not exist later.
        raise HostError(str(error).replace(f"{volume}/", "")) from error
    return {f"{_PLACE}/{CONFIGURATION}": content}


def _policy(volume: Path) -> dict[str, bytes]:
    content = _content(volume / POLICY)
    return {} if content is None else {f"{_PLACE}/{POLICY}": content}


def _networks(volume: Path) -> dict[str, bytes]:
    names = sorted(path.name for path in volume.iterdir() if path.suffix == ".network")
    if len(names) > NETWORK_FILES_MAX:
        raise HostError(f"{len(names)} .network files; at most {NETWORK_FILES_MAX}")
    found = {}
    for name in names:
        if _NETWORK.fullmatch(name) is None:
            raise HostError(f"{name!r} is no name for a .network file: use a-z 0-9 . _ @ -")
        found[f"/etc/systemd/network/{name}"] = _content(volume / name) or b""
    return found


def _keys(volume: Path) -> bytes | None:
    content = _content(volume / KEYS)
    if content is None:
        return None
    lines = content.decode(errors="replace").splitlines()
    if not any(len(line.split()) > 1 and not line.startswith("#") for line in lines):
        raise HostError(f"{KEYS} has no key in it")
    return content


def _trouble(error: SecBeatError) -> Step:
    def do() -> None:
        raise HostError(str(error))

    return Step("volume CIDATA", do)


def _content(path: Path) -> bytes | None:
    """A regular file of limited size; None: it does not exist."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{path.name} can't be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise HostError(f"{path.name} is no file")
        with os.fdopen(fd, "rb", closefd=False) as file:
            content = file.read(FILE_BYTES_MAX + 1)
    finally:
        os.close(fd)
    if len(content) > FILE_BYTES_MAX:
        raise HostError(f"{path.name} is larger than {FILE_BYTES_MAX} bytes")
    return content
