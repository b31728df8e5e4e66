"""Debian's fail2ban bans on a node through the action that the tree ships."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances.lab import KEY_HEADER, TREE, Lab, run
from tests.support.waiting import wait_for

ACTION = TREE / "appliance" / "integrations" / "fail2ban" / "secbeat.conf"
ORIGIN = "feed:fail2ban-gate"
ATTACKER, ATTACKER_V6, OTHERS = "192.0.2.71", "2001:db8::71", "192.0.2.72"
BAN_S = 3600
JAIL = """\
[gate]
enabled = true
backend = polling
logpath = {log}
filter = gate
maxretry = 1
findtime = 600
bantime = {bantime}
action = secbeat[url="http://{address}:9999", keyfile="{keyfile}"]
"""
FILTER = "[Definition]\nfailregex = ^.* refused <HOST>$\n"


class Fail2ban:
    """A server with one jail, and files of its own only."""

    def __init__(self, lab: Lab, key: str, folder: Path) -> None:
        self.folder, self.log = folder, folder / "gate.log"
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("action.d", "filter.d"):
            (folder / name).mkdir()
        shutil.copy(ACTION, folder / "action.d")
        (folder / "filter.d" / "gate.conf").write_text(FILTER)
        (folder / "fail2ban.conf").write_text(
            f"[Definition]\nloglevel = INFO\ndbfile = {folder / 'bans.sqlite3'}\n"
        )
        keyfile = folder / "secbeat.header"
        keyfile.write_text(f"{KEY_HEADER}: {key}\n")
        keyfile.chmod(0o600)
        self.log.write_text("")
        values = {"log": self.log, "bantime": BAN_S, "keyfile": keyfile}
        (folder / "jail.conf").write_text(JAIL.format(address=lab.instance.address, **values))

    @property
    def said(self) -> str:
        log = self.folder / "server.log"
        return log.read_text() if log.exists() else ""

    def start(self) -> None:
        words = (
            *("fail2ban-server", "-f", "-c", self.folder, "-s", self.folder / "socket"),
            *("-p", self.folder / "pid", "--logtarget", self.folder / "server.log"),
        )
        self._process = subprocess.Popen(
            [*words, "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # A question about a jail that is not there yet would be an error in the server's log.
        wait_for(lambda: "Jail 'gate' started" in self.said, "the jail runs")

    def client(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run(
            *("fail2ban-client", "-c", str(self.folder), "-s", str(self.folder / "socket")), *words
        )

    def refuse(self, address: str) -> None:
        """A line in the log that its filter knows."""
        with self.log.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} refused {address}\n")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)
            self._process = None


@pytest.fixture
def fail2ban(lab: Lab, key: str, tmp_path: Path) -> Iterator[Fail2ban]:
    server = Fail2ban(lab, key, tmp_path)
    server.start()
    yield server
    server.stop()
    lab.api("POST", "/blacklist/remove", json={"networks": [ATTACKER, ATTACKER_V6, OTHERS]})


def entries(lab: Lab, origin: str = ORIGIN) -> dict[str, Any]:
    """Of the jail, or of another origin, by network."""
    found = lab.api("GET", f"/blacklist?origin={origin}").json()["blacklist"]
    return {each["ip"]: each for each in found}


def test_it_bans_unbans_and_flushes_at_its_stop(lab: Lab, fail2ban: Fail2ban) -> None:
    lab.change("POST", "/blacklist", json={"ip": ATTACKER, "reason": "an operator's"})
    lab.change("POST", "/blacklist", json={"ip": OTHERS, "origin": "feed:fail2ban-other"})
    for address in (ATTACKER, ATTACKER_V6):
        fail2ban.refuse(address)
    wait_for(lambda: len(entries(lab)) == 2, "both are banned")
    banned = entries(lab)[ATTACKER]
    assert banned["reason"] == "fail2ban gate: 1 failures"
    assert banned["expires_at"] is not None

    fail2ban.client("set", "gate", "unbanip", ATTACKER_V6)
    wait_for(lambda: entries(lab).keys() == {ATTACKER}, "one is unbanned")

    fail2ban.stop()
    assert entries(lab) == {}
    assert ATTACKER in entries(lab, "manual")
    assert OTHERS in entries(lab, "feed:fail2ban-other")
    assert "ERROR" not in fail2ban.said


def test_what_the_node_has_ended_by_itself_is_no_error(lab: Lab, fail2ban: Fail2ban) -> None:
    fail2ban.refuse(ATTACKER)
    wait_for(lambda: ATTACKER in entries(lab), "it is banned")
    lab.change("DELETE", f"/blacklist/{ATTACKER}?origin={ORIGIN}")
    assert fail2ban.client("set", "gate", "unbanip", ATTACKER).returncode == 0
    assert "ERROR" not in fail2ban.said


def test_a_key_that_may_only_read_is_told_in_its_log(
    lab: Lab, key: str, tmp_path: Path, fail2ban: Fail2ban
) -> None:
    made = lab.api("POST", "/keys", json={"name": "fail2ban-reader", "role": "read"}).json()
    keyfile = tmp_path / "secbeat.header"
    keyfile.write_text(f"{KEY_HEADER}: {made['key']}\n")
    fail2ban.refuse(ATTACKER)
    wait_for(lambda: "forbidden" in fail2ban.said.lower(), "it says why the ban failed")
    assert entries(lab) == {}
    assert made["key"] not in fail2ban.said
    keyfile.write_text(f"{KEY_HEADER}: {key}\n")
    lab.api("DELETE", f"/keys/{made['id']}")
