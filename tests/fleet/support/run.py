"""One run of the fleet tests: its controller, its hosts, and that nothing of it stays.

Every name holds the run's pid. What a run that was killed has left behind, the next one removes.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import requests

from appliance.lab import cleanup, nginx
from appliance.lab.claim import claim_new, try_claim
from appliance.lab.instance import LABS, Instance, Namespaces
from tests.fleet.support import network
from tests.fleet.support.certificates import AUTHORITY
from tests.fleet.support.host import Host, remove_groups
from tests.fleet.support.tree import ADMINISTRATOR, TREE, host_tree
from tests.image.support.vms.ssh import CONNECT_S, KeyPair
from tests.support.instances.lab import Lab
from tests.support.instances.lab import run as run_any
from tests.support.network.namespaces import inside
from tests.support.network.peers import background
from tests.support.waiting import wait_for

TEMPORARY = Path("/var/tmp")  # noqa: S108 - overlays of hundreds of megabytes: not on a tmpfs
PREFIX = "fleet-"
HOSTS_MAX = 8
ROUTERS = 0
"""Their number, beside those of hosts."""
BOOT_S = 180
SILENCE_S = 5.0
"""An open port has answered in this time many times over."""
_UNTIL_UP = "systemctl is-system-running --wait"


@dataclass
class Run:
    """A controller with a key, an ssh configuration, and hosts that it reaches."""

    instance: Instance
    directory: Path
    key: KeyPair
    tree: Path
    hosts: dict[str, Host] = field(default_factory=dict)

    # --- hosts

    def boot(self, *names: str) -> None:
        """Make hosts of these names and wait until they are up."""
        for name in names:
            self._make(name).start(self.tree)
        self._write_ssh_configuration()
        for name in names:
            self._wait_until_up(self.hosts[name])

    def lose(self, name: str) -> None:
        """A host is gone with all that it had; one that Debian has just made takes its place."""
        host = self.hosts[name]
        host.kill()
        remove_groups(host.group)
        shutil.rmtree(host.directory)
        _hang_up(self.directory)
        self._known_hosts.unlink(missing_ok=True)
        host.make(self.tree, self.key.public, self._names())
        host.start(self.tree)
        self._wait_until_up(host)

    @contextmanager
    def origin(self) -> Iterator[Lab]:
        """A web server behind the nodes; before them is the client of the lab that this gives."""
        lab = Lab(_numbered(self.instance, ROUTERS).name)
        directory = lab.instance.directory / "nginx"
        directory.mkdir(parents=True)
        configuration = nginx.prepare(lab.instance, directory)
        command = ("nginx", "-e", "stderr", "-c", str(configuration))
        try:
            with background(*lab.enter("origin"), *command):
                yield lab
        finally:
            shutil.rmtree(lab.instance.directory)

    def spread(self, *names: str) -> None:
        """Requests to the origin go through these hosts, as far as their links are up."""
        network.spread(self.routers, [self.number(name) for name in names])

    def sent(self, name: str) -> int:
        """Packets that the client has sent towards a host."""
        return network.sent(self.routers, self.number(name))

    def number(self, name: str) -> int:
        """Of a host; the first is 1."""
        return list(self.hosts).index(name) + 1

    def ssh(self, name: str, command: str, timeout_s: float = 120) -> str:
        """What a command prints there, run as root; it must succeed."""
        arguments = ("ssh", "-F", str(self.ssh_configuration), name, "sudo", "sh", "-c")
        done = run_any(*arguments, _quoted(command), timeout_s=timeout_s)
        assert done.returncode == 0, f"{name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    # --- the controller

    def get(self, url: str, key: str | None = None) -> requests.Response:
        """Ask from there, over the TLS of the fleet's own authority."""
        place = urlsplit(url)
        assert place.hostname is not None
        with inside(self.controller), requests.Session() as session:
            session.trust_env = False
            address = self.hosts[place.hostname].address
            found = url.replace(place.hostname, address, 1)
            headers = {} if key is None else {"X-SecBeat-API-Key": key}
            authority = str(self.pki / AUTHORITY)
            return session.get(found, headers=headers, verify=authority, timeout=60)

    def connects(self, name: str, port: int) -> bool:
        """Whether the network gets through to a port; a firewall's answer is silence."""
        with inside(self.controller):
            try:
                socket.create_connection((self.hosts[name].address, port), SILENCE_S).close()
            except OSError:
                return False
        return True

    @cached_property
    def ssh_configuration(self) -> Path:
        """The file that ssh, Ansible and testinfra are given."""
        return self.directory / "ssh_config"

    @property
    def pki(self) -> Path:
        """The fleet's certificates."""
        return self.directory / "pki"

    @property
    def controller(self) -> str:
        """Its namespace."""
        return network.controller(self.instance)

    @property
    def routers(self) -> Namespaces:
        """Before and behind the nodes."""
        return _numbered(self.instance, ROUTERS).namespaces

    @property
    def _known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    def _names(self) -> dict[str, str]:
        return {each.name: each.address for each in self.hosts.values()}

    def _make(self, name: str) -> Host:
        number = len(self.hosts) + 1
        assert number <= HOSTS_MAX, f"{HOSTS_MAX} hosts are a run's most"
        namespaces = _numbered(self.instance, number).namespaces
        host = Host(
            name,
            network.address(number),
            namespaces,
            self.directory / name,
            f"{_group(self.instance)}/{name}",
        )
        self.hosts[name] = host
        network.build_host(self.instance, self.routers, namespaces.node, number)
        host.make(self.tree, self.key.public, self._names())
        return host

    def _write_ssh_configuration(self) -> None:
        connect = (sys.executable, "-m", "tests.fleet.support.connect", self.controller, "%h", "%p")
        proxy = f"env PYTHONPATH={TREE} {' '.join(connect)}"
        named = "".join(f"Host {h.name}\n  HostName {h.address}\n" for h in self.hosts.values())
        self.ssh_configuration.write_text(
            f"{named}Host *\n"
            f"  ProxyCommand {proxy}\n"
            "  ProxyUseFdpass yes\n"
            f"  User {ADMINISTRATOR}\n"
            f"  IdentityFile {self.key.private}\n"
            "  IdentitiesOnly yes\n"
            "  BatchMode yes\n"
            "  StrictHostKeyChecking accept-new\n"
            f"  UserKnownHostsFile {self._known_hosts}\n"
            "  LogLevel ERROR\n"
            f"  ConnectTimeout {CONNECT_S}\n"
            "  ServerAliveInterval 15\n"
            "  ServerAliveCountMax 8\n"
            "  ControlMaster auto\n"
            f"  ControlPath {self.directory}/%n.sock\n"
            "  ControlPersist 60\n"
        )

    def _wait_until_up(self, host: Host) -> None:
        def up() -> bool:
            assert host.runs(), (host.directory / "console.log").read_text(errors="replace")[-2000:]
            arguments = ("ssh", "-F", str(self.ssh_configuration), host.name, _UNTIL_UP)
            return run_any(*arguments, timeout_s=BOOT_S).stdout.strip() in {"running", "degraded"}

        wait_for(up, f"{host.name} is up", BOOT_S, every_s=0.5)


@contextmanager
def new_run() -> Iterator[Run]:
    """Clean what dead runs left, then make a run; leaving it removes everything of it."""
    sweep()
    tree = host_tree()
    with ExitStack() as stack:
        instance = Instance(f"{PREFIX}{os.getpid()}")
        claim = claim_new(instance)
        stack.callback(claim.release)
        stack.callback(_remove, instance)
        directory = directory_of(instance)
        directory.mkdir(mode=0o700)
        network.build_controller(instance)
        network.build_routers(_numbered(instance, ROUTERS).namespaces)
        made = Run(instance, directory, KeyPair.make(directory), tree)
        stack.callback(_end, made)
        yield made


def sweep() -> None:
    """Remove what runs that are no more have left: namespaces, directories, control groups."""
    names = {path.name for path in LABS.glob(f"{PREFIX}*")}
    names |= {path.name.removeprefix("secbeat-") for path in TEMPORARY.glob(f"secbeat-{PREFIX}*")}
    for name in sorted(name for name in names if re.fullmatch(rf"{PREFIX}\d+", name)):
        if not _lives(Instance(name)):
            _remove(Instance(name))


def directory_of(instance: Instance) -> Path:
    """Where a run keeps its hosts' files."""
    return TEMPORARY / f"secbeat-{instance.name}"


def _end(made: Run) -> None:
    for host in made.hosts.values():
        host.kill()


def _remove(instance: Instance) -> None:
    for number in range(HOSTS_MAX + 1):
        cleanup.clean(_numbered(instance, number))
    remove_groups(_group(instance))
    _hang_up(directory_of(instance))
    shutil.rmtree(directory_of(instance), ignore_errors=True)
    cleanup.clean(instance)


def _hang_up(directory: Path) -> None:
    """End the connections of ssh that wait to be used again: this run's own, and Ansible's."""
    for shared in (*directory.glob("*.sock"), *directory.glob(".ansible/cp/*")):
        run_any("ssh", "-o", f"ControlPath={shared}", "-O", "exit", "host")


def _numbered(instance: Instance, number: int) -> Instance:
    """Of a host, or of the routers."""
    return Instance(f"{instance.name}-{number}")


def _group(instance: Instance) -> str:
    return f"secbeat-{instance.name}"


def _lives(instance: Instance) -> bool:
    """Whether its run lives: it holds the claim from before its first file to after its last."""
    with suppress(FileNotFoundError):
        claim = try_claim(instance)
        if claim is None:
            return True
        claim.release()
    return False


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"
