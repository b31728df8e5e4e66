"""One virtual machine on a closed image: started, spoken to, cut off, and gone afterwards.

Bounds are those of an emulated machine on a shared host: about ten times what KVM would need.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import requests
import testinfra
from requests.adapters import HTTPAdapter

from appliance.commands import run
from appliance.lab.instance import MARK
from tests.image.support.vms import monitor
from tests.image.support.vms.console import Console, plain
from tests.image.support.vms.machine import (
    FORWARD_HOST,
    LEASE,
    OVMF_VARIABLES,
    DataNic,
    Firmware,
    Forward,
    Machine,
)
from tests.image.support.vms.ssh import HOST, Access, KeyPair, free_port
from tests.support.instances.lab import KEY_HEADER
from tests.support.waiting import wait_for

SSH_PORT, API_PORT, METRICS_PORT, FLEET_PORT = 22, 9999, 9090, 3030
BOOT_S = 900
"""From power-on until systemd has nothing left to start."""
POWER_OFF_S = 120
COMMAND_S = 120
REQUEST_S = 120.0
"""For one answer of the API: an emulated machine on a busy host answers late."""
END_S = 10
OK = 200
CERTIFICATE = "/etc/secbeat/tls/tls.crt"
ADMIN_KEY = "/var/lib/secbeat/keys/admin.key"


@dataclass(frozen=True)
class Plan:
    """What a machine is made of."""

    image: Path
    name: str
    image_format: str = "qcow2"
    firmware: Firmware = Firmware.BIOS
    accelerator: Literal["tcg", "kvm"] = "tcg"
    seed: Path | None = None
    data_nics: tuple[DataNic, ...] = ()
    guest_ports: tuple[int, ...] = (SSH_PORT, API_PORT, METRICS_PORT)
    """Ports of the management NIC that the host can reach."""
    address: str = LEASE
    user: str = "admin"
    cpus: int = 2
    memory_mib: int = 2048


@dataclass
class VM:
    """A context manager; leaving it ends the machine and removes its disk.

    Args:
        plan: what it is made of.
        parent: the run's directory for temporary files.
        key: the run's key pair; the seed has its public half.
        instance: the run's name, by which its processes are recognised.
    """

    plan: Plan
    parent: Path
    key: KeyPair
    instance: str
    _stack: ExitStack = field(default_factory=ExitStack)
    _process: subprocess.Popen[bytes] | None = None

    # --- life

    def __enter__(self) -> VM:
        with self._stack:
            self.directory.mkdir()
            self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self._make_disk()
            self._stack.callback(self.cut)
            self.start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def start(self) -> None:
        """Switch it on; returns at once."""
        assert self._process is None, f"{self.plan.name} runs already"
        with (self.directory / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                # Whatever ends the run, SIGKILL included, ends the machine.
                ["setpriv", "--pdeathsig", "KILL", *self.machine.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.machine.descriptors,
                env={**os.environ, MARK: self.instance},
                start_new_session=True,  # Ctrl-C is for the run
            )

    def wait_until_up(self) -> None:
        """Wait until the boot is over, well or not."""
        wait_for(self._answers, f"{self.plan.name} answers ssh", BOOT_S, every_s=1)
        # Early in a boot systemd has no bus yet to ask it by, and the command ends at once.
        wait_for(self._is_over, f"{self.plan.name} has booted", BOOT_S, every_s=1)

    def cut(self) -> None:
        """Take the power away: nothing in the machine gets to know."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(END_S)
            self._process = None
        self.access.close()

    def power_off(self) -> None:
        """Press the power button, and wait until the machine is off."""
        assert self._process is not None, f"{self.plan.name} is off"
        self.access.close()
        monitor.press_power_button(self.machine.monitor_socket)
        try:
            code = self._process.wait(POWER_OFF_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.plan.name} is not off {POWER_OFF_S} s after its power button was pressed: "
                f"{self.serial_text()[-2000:]}"
            ) from None
        self._process = None
        assert code == 0, self._last_words()

    # --- what one sees of it

    @cached_property
    def host(self) -> Any:
        """For testinfra, as root."""
        configuration = str(self.access.configuration)
        return testinfra.get_host(f"ssh://{HOST}", ssh_config=configuration, sudo=True)

    def ssh(self, command: str, timeout_s: float = COMMAND_S) -> subprocess.CompletedProcess[str]:
        """Run a shell command as the plan's user."""
        return self.access.run(command, timeout_s)

    def root(self, command: str, timeout_s: float = COMMAND_S) -> str:
        """Run a shell command as root, which must succeed; returns what it printed."""
        done = self.access.run(f"sudo sh -c {_quoted(command)}", timeout_s)
        assert done.returncode == 0, f"{command!r} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def console(self) -> Console:
        """Sit down at the serial console."""
        path = self.machine.serial_socket
        wait_for(path.exists, f"QEMU has made {path}", END_S)
        return Console(path)

    def serial_text(self) -> str:
        """All that the serial console has shown so far."""
        return plain(self.machine.serial_log.read_text(errors="replace"))

    def port(self, guest_port: int) -> int:
        """The port on the host that leads to this one of the machine."""
        return self._ports[guest_port]

    # --- the management API, as an operator reaches it: TLS on port 9999

    def api(
        self,
        method: str,
        path: str,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float = REQUEST_S,
        port: int = API_PORT,
        **arguments: Any,
    ) -> requests.Response:
        """Ask it; the path starts after ``/api/v1``. Only the machine's own certificate will do."""
        return self._https.request(
            method,
            f"https://{FORWARD_HOST}:{self.port(port)}/api/v1{path}",
            headers={KEY_HEADER: key or self.admin_key, **(headers or {})},
            timeout=timeout_s,
            **arguments,
        )

    def is_ready(self) -> bool:
        """Whether the API can write and has a data plane."""
        try:
            return self.api("GET", "/health/ready", timeout_s=30.0).status_code == OK
        except requests.RequestException:
            return False

    @cached_property
    def admin_key(self) -> str:
        """The admin key of the first boot."""
        return self.root(f"cat {ADMIN_KEY}").strip()

    @cached_property
    def certificate(self) -> Path:
        """A copy of the certificate made at first boot."""
        copy = self.directory / "certificate.pem"
        copy.write_text(self.root(f"cat {CERTIFICATE}"))
        return copy

    @cached_property
    def _https(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        # A connection that was idle may be closed in the moment that a request is sent on it.
        session.headers["Connection"] = "close"
        session.mount("https://", _Pinned(self.certificate))
        return session

    # --- parts

    @property
    def directory(self) -> Path:
        return self.parent / self.plan.name

    @cached_property
    def access(self) -> Access:
        return Access.write(self.directory, self.plan.user, self.port(SSH_PORT), self.key)

    @cached_property
    def _ports(self) -> dict[int, int]:
        return {port: free_port() for port in self.plan.guest_ports}

    @cached_property
    def machine(self) -> Machine:
        plan = self.plan
        return Machine(
            disk=self.directory / "disk.qcow2",
            directory=self.directory,
            firmware=plan.firmware,
            accelerator=plan.accelerator,
            variables=self.directory / "efi.fd" if plan.firmware is Firmware.UEFI else None,
            seed=plan.seed,
            forwards=tuple(Forward(host, guest) for guest, host in self._ports.items()),
            address=plan.address,
            data_nics=plan.data_nics,
            cpus=plan.cpus,
            memory_mib=plan.memory_mib,
        )

    def _make_disk(self) -> None:
        below = ("-b", str(self.plan.image), "-F", self.plan.image_format)
        run("qemu-img", "create", "-q", "-f", "qcow2", *below, str(self.machine.disk))
        if self.machine.variables is not None:
            shutil.copyfile(OVMF_VARIABLES, self.machine.variables)

    def _is_over(self) -> bool:
        found = self.ssh("systemctl is-system-running --wait", BOOT_S).stdout.strip()
        return found in {"running", "degraded"}

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._last_words()
        return self.ssh("true").returncode == 0

    def _last_words(self) -> str:
        qemu = (self.directory / "qemu.log").read_text(errors="replace")
        return f"QEMU of {self.plan.name} has ended: {qemu[-2000:]}\n{self.serial_text()[-2000:]}"


class _Pinned(HTTPAdapter):
    """Trusts one certificate, whatever name it is reached by."""

    def __init__(self, certificate: Path) -> None:
        self._certificate = certificate
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, assert_hostname=False)

    def cert_verify(self, connection: Any, url: str, _verify: Any, cert: Any) -> None:
        super().cert_verify(connection, url, str(self._certificate), cert)


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"
