"""The account ``admin``: for the first login.

With ssh keys from the seed it has these and no password. Otherwise it has an empty password that
must be changed at the first login, on a console: sshd accepts keys only. If cloud-init has a seed,
it makes the accounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from appliance.commands import Run
from appliance.host.files import Host, HostError, find_user
from appliance.host.steps import Step

if TYPE_CHECKING:
    from appliance.host.firstboot.seed import Seed

NAME = "admin"
_GROUP = "sudo"


def steps(host: Host, run: Run, seed: Seed | None) -> Iterator[Step]:
    """Make the account, then give it keys or an empty password."""
    if seed is not None and seed.is_cloud_inits:
        return
    if find_user(host, NAME) is None:
        yield Step(f"account {NAME}", lambda: _make(run))
    keys = seed.authorized_keys if seed else None
    if keys is not None:
        yield Step(f"ssh keys of {NAME}", lambda: _give_keys(host, keys))
    elif seed is None or not seed.has_keys:
        yield Step(f"{NAME} sets a password at the first login on a console", lambda: _open(run))


def _make(run: Run) -> None:
    """Make the account, locked: useradd(8) sets no password."""
    run(
        *("useradd", "--create-home", "--shell", "/bin/bash", "--groups", _GROUP),
        *("--comment", "SecBeat administrator", NAME),
    )


def _open(run: Run) -> None:
    # In one call, so that an empty password is expired at every moment.
    run("passwd", "--quiet", "--delete", "--expire", NAME)


def _give_keys(host: Host, keys: bytes) -> None:
    user = find_user(host, NAME)
    if user is None:
        raise HostError(f"account {NAME} is not there")
    directory = f"{user.home}/.ssh"
    host.install(f"{directory}/authorized_keys", keys, 0o600)
    host.give(f"{directory}/authorized_keys", user.gid, 0o600, user.uid)
    host.give(directory, user.gid, 0o700, user.uid)
