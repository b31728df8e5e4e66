"""The account of the first boot, made by this machine's own tools on a copy of its accounts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from appliance.host.files import Host
from appliance.host.firstboot import account
from appliance.host.steps import carry_out
from tests.support.fakes.fake_kernel import FakeTools

PARTS = "passwd shadow group gshadow login.defs pam.d default nsswitch.conf security skel"


def test_the_console_account_has_an_empty_password_that_must_be_changed(tmp_path: Path) -> None:
    tools = FakeTools()
    carry_out(account.steps(Host(tmp_path), tools, None))
    useradd, passwd = (" ".join(f"'{word}'" for word in command) for command in tools.ran)
    script = f"""set -e
        mkdir {tmp_path}/etc && cd /etc && cp -a {PARTS} {tmp_path}/etc && cd /
        mount --bind {tmp_path}/etc /etc && mount -t tmpfs none /home
        getent group sudo >/dev/null || groupadd sudo
        {useradd} && grep ^admin: /etc/shadow && {passwd} && grep ^admin: /etc/shadow"""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    made, opened = (line.split(":") for line in done.stdout.splitlines())
    assert made[1].startswith("!"), "locked until it is opened"
    assert (opened[1], opened[2]) == ("", "0"), "empty, and last changed at the epoch: expired"
