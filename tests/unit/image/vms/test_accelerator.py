"""Which accelerator a console's text, a wish and a remembered verdict lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.image.errors import ImageError
from appliance.image.system import accelerator
from appliance.image.system.accelerator import KVM, TCG, Accelerator, choose, verdict

KERNEL = Path("/nonexistent/vmlinuz")


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Kernels that were booted; the probe's answer is KVM."""
    kernels: list[Path] = []

    def probe(kernel: Path) -> Accelerator:
        kernels.append(kernel)
        return Accelerator(KVM, "a kernel boots under it")

    monkeypatch.setattr(accelerator, "probe", probe)
    return kernels


def test_a_kernel_that_reached_its_root_proves_kvm() -> None:
    console = b"Linux version 6.12\r\nKernel panic: VFS: Unable to mount root fs on unknown-block"
    assert verdict(console, 20).name == KVM


def test_a_silent_kernel_means_emulation() -> None:
    found = verdict(b"", 20)
    assert found.name == TCG
    assert "20 s, it printed nothing" in found.reason


def test_a_kernel_that_stops_on_its_way_means_emulation_and_its_last_line_is_told() -> None:
    found = verdict(b"Linux version 6.12\r\n[0.1] x86/fpu: cannot\r\n", 5)
    assert found.name == TCG
    assert "x86/fpu: cannot" in found.reason


def test_emulation_is_taken_when_asked_for_without_a_probe(
    probed: list[Path], tmp_path: Path
) -> None:
    assert choose(TCG, KERNEL, tmp_path).name == TCG
    assert probed == []


def test_a_verdict_is_remembered_until_the_next_boot(
    probed: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose("auto", KERNEL, tmp_path) == choose("auto", KERNEL, tmp_path)
    assert len(probed) == 1

    other_boot = tmp_path / "boot_id"
    other_boot.write_text("another\n")
    monkeypatch.setattr(accelerator, "_BOOT_ID", other_boot)
    choose("auto", KERNEL, tmp_path)
    assert len(probed) == 2


def test_kvm_is_refused_where_it_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "probe", lambda _kernel: verdict(b"", 20))
    with pytest.raises(ImageError, match=r"printed nothing: give --accelerator tcg"):
        choose(KVM, KERNEL, tmp_path)


def test_a_machine_without_kvm_is_not_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "_DEVICE", tmp_path / "kvm")
    assert "is not there" in accelerator.probe(KERNEL).reason
