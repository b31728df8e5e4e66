"""The image boots by its own boot loader, and what its console shows is for anybody to read."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tests.image.support import inside
from tests.image.support.peers.outside import TOKEN, Outside
from tests.image.support.vms.vm import BOOT_S, VM
from tests.support.waiting import wait_for

SECRETS = ("agent.key", "fleet.key", "webhooks.secret")
CONSOLE_S = 180
"""The console's text is written anew every minute."""


def test_every_unit_is_up(node: VM, host: Any):
    assert inside.failed_units(host) == set()
    assert node.ssh("systemctl is-system-running").stdout.strip() == "running"


def test_it_was_started_by_the_bios(host: Any):
    assert not host.file("/sys/firmware/efi").exists


def test_it_forwards_by_itself(booted: tuple[VM, Future[float]], say: Callable[[str], None]):
    first_page = booted[1]
    say(f"first boot, power on to the client's first page: {first_page.result(BOOT_S):.1f} s")


def test_the_console_shows_state_addresses_and_the_next_step(node: VM, host: Any):
    address = host.check_output("ip -4 -o address show scope global").split()[3].split("/")[0]

    def shown() -> bool:
        text = node.serial_text()
        words = (f"{address}/", "forwarding", f"https://{address}:9999", f"ssh admin@{address}")
        return all(word in text for word in words)

    wait_for(shown, f"the console shows {address}, the state and where to go", CONSOLE_S, every_s=2)


def test_the_console_and_the_journal_hold_no_secret(node: VM, host: Any, outside: Outside):
    wait_for(outside.nodes, "the machine has a key in its fleet", CONSOLE_S, every_s=1)
    agents = (f"/var/lib/secbeat/agent/{name}" for name in SECRETS)
    secrets = [node.admin_key, *(host.check_output(f"cat {path}").strip() for path in agents)]
    secrets.append(host.check_output(f"cat {TOKEN}").strip())
    secrets.append(host.check_output("sed -n 2p /etc/secbeat/tls/tls.key").strip())
    assert all(len(secret) >= 32 for secret in secrets)
    for text in (node.serial_text(), host.check_output("journalctl -b --no-pager -o cat")):
        assert [secret for secret in secrets if secret in text] == []
        assert re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY", text) is None
