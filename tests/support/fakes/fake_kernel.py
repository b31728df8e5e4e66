"""A fake host whose PCI bus reacts like the kernel, and fake tools that only record their calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from appliance.commands import TIMEOUT_S, CommandError
from appliance.host.files import Host, HostError

DEVICES, DRIVERS = "/sys/bus/pci/devices", "/sys/bus/pci/drivers"
KERNEL_DRIVERS = {"8086:10fb": "ixgbe", "1af4:1041": "virtio-pci", "15b3:1017": "mlx5_core"}


@dataclass(frozen=True)
class FakeKernel(Host):
    """Carries out writes to sysfs on the files; ``told`` has all of them, in order."""

    told: list[tuple[str, str]] = field(default_factory=list)
    given: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """User, group and mode of files whose owner was changed."""
    drivers_that_refuse: set[str] = field(default_factory=set)
    hugepages_max: int = 1 << 30

    def tell(self, absolute: str, text: str) -> None:
        if not self.exists(absolute) and not absolute.endswith(("/unbind", "/drivers_probe")):
            raise HostError(f"{absolute} refuses {text!r}: No such file or directory")
        self.told.append((absolute, text))
        if absolute.endswith("/driver/unbind"):
            self.path(f"{DEVICES}/{text}/driver").unlink()
        elif absolute.endswith("/drivers_probe"):
            self._probe(text)
        elif absolute.endswith("nr_hugepages"):
            self._set_hugepages(self.path(absolute), min(int(text), self.hugepages_max))
        else:
            self.path(absolute).write_text(text if text.strip() else "(null)\n")

    def give(self, absolute: str, gid: int, mode: int, uid: int = 0) -> None:
        self.given[absolute] = (uid, gid, mode)

    def _probe(self, address: str) -> None:
        place = f"{DEVICES}/{address}"
        override = self.text(f"{place}/driver_override")
        ids = f"{self.number(f'{place}/vendor'):04x}:{self.number(f'{place}/device'):04x}"
        driver = KERNEL_DRIVERS.get(ids) if override == "(null)" else override
        if driver is None or driver in self.drivers_that_refuse:
            return
        if not self.exists(f"{DRIVERS}/{driver}"):
            return
        self.path(f"{place}/driver").symlink_to(f"../../../bus/pci/drivers/{driver}")

    @staticmethod
    def _set_hugepages(file: Path, count: int) -> None:
        free = file.with_name("free_hugepages")
        used = int(file.read_text()) - int(free.read_text())
        count = max(count, used)
        file.write_text(f"{count}\n")
        free.write_text(f"{count - used}\n")


@dataclass
class FakeTools:
    """Records which tools ran. Those in ``fails`` fail; ``answers`` has the output of
    the others."""

    ran: list[tuple[str, ...]] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)

    def __call__(self, *command: str, timeout_s: float = TIMEOUT_S) -> str:
        assert timeout_s > 0
        self.ran.append(command)
        if command[0] in self.fails:
            raise CommandError(f"'{' '.join(command)}' failed: exit code 1")
        return self.answers.get(command[0], "")
