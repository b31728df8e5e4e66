"""Routing daemons of a router: BIRD, or the three of FRR."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from tests.support.instances.lab import run
from tests.support.routers import page
from tests.support.waiting import wait_for

Sessions = dict[tuple[str, str], str]
"""BFD sessions that are up: since when, by neighbour and interface."""


class Daemon(Protocol):
    """The daemon of a router."""

    def stop(self) -> None:
        """End it; its routes may stay. May be called again."""

    def report(self) -> str:
        """The daemon's state, for error messages."""


class Bird:
    """BIRD 2, configured as docs/links.md shows."""

    def __init__(self, namespace: str, role: str, directory: Path) -> None:
        self._socket = directory / f"{role}.ctl"
        self._log = directory / f"{role}.log"
        config = directory / f"{role}.conf"
        config.write_text(page.bird(role, self._log))
        command = ("bird", "-f", "-c", str(config), "-s", str(self._socket))
        self._process = _started(namespace, command)

    def stop(self) -> None:
        """End it without removing its routes: those of the kernel disappear with the namespace."""
        _end(self._process)

    def report(self) -> str:
        """Protocols and the end of the log."""
        log = self._log.read_text(errors="replace") if self._log.exists() else "no log"
        return self.ask("show", "protocols") + log[-4000:]

    def ask(self, *words: str) -> str:
        """The output of ``birdc WORDS``."""
        assert self._process.poll() is None, self._log.read_text(errors="replace")
        done = run("birdc", "-s", str(self._socket), *words)
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    def sessions(self) -> Sessions:
        """The BFD sessions that are up."""
        lines = self.ask("show", "bfd", "sessions")
        found = re.findall(r"^(\S+)\s+(\S+)\s+Up\s+(\S+)", lines, re.M)
        return {(neighbour, interface): since for neighbour, interface, since in found}


class Frr:
    """zebra, bgpd and bfdd, configured with vtysh as docs/links.md shows."""

    _PROGRAMS = Path("/usr/lib/frr")
    _NAMES = ("zebra", "bgpd", "bfdd")

    def __init__(self, namespace: str, role: str) -> None:
        self._stack = ExitStack()
        # Owned by the user that they switch to, and not below a directory that only root can use.
        self._directory = Path(tempfile.mkdtemp(prefix="sb-frr-"))
        self._stack.callback(shutil.rmtree, self._directory)
        shutil.chown(self._directory, "frr", "frrvty")
        self._directory.chmod(0o755)
        for name in self._NAMES:
            process = _started(namespace, self._command(name))
            self._stack.callback(_end, process)
            wait_for((self._directory / f"{name}.vty").exists, f"{name} listens")
        config = self._directory / "frr.conf"
        config.write_text(page.block(f"frr-{role}"))
        self._vtysh("-f", str(config))

    def stop(self) -> None:
        """End all three."""
        self._stack.close()

    def report(self) -> str:
        """Neighbours, and zebra's routes from them."""
        shown = ("show bgp summary", "show bfd peers brief", "show ip route", "show ipv6 route")
        return "".join(self.ask(words) for words in shown)

    def ask(self, words: str) -> str:
        """The output of one command of vtysh."""
        return self._vtysh("-c", words)

    def _vtysh(self, *words: str) -> str:
        done = run("vtysh", "--vty_socket", str(self._directory), *words)
        assert done.returncode == 0, done.stderr or done.stdout
        return done.stdout

    def _command(self, name: str) -> tuple[str, ...]:
        own = self._directory
        command = (str(self._PROGRAMS / name), "--vty_socket", str(own), "-i", f"{own}/{name}.pid")
        command += ("-z", f"{own}/zserv.api", "-f", "/dev/null", "--log", "stdout")
        return (*command, "--bfdctl", f"{own}/bfdd.sock") if name == "bfdd" else command


def _started(namespace: str, command: tuple[str, ...]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ("ip", "netns", "exec", namespace, *command), stdin=subprocess.DEVNULL, text=True
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
