"""The command line of a virtual machine."""

from pathlib import Path

import pytest

from tests.image.support.vms.machine import DataNic, Firmware, Forward, Machine, NicModel

NICS = (
    DataNic("outside", "52:54:00:00:01:01", (7,)),
    DataNic("inside", "52:54:00:00:01:02", (8,)),
)


def command(**options) -> list[str]:
    return Machine(Path("/d/disk.qcow2"), Path("/d"), **options).command()


def values(words: list[str], option: str) -> list[str]:
    """What follows each occurrence of an option."""
    return [words[index + 1] for index, word in enumerate(words) if word == option]


def device(words: list[str], start: str) -> str:
    (found,) = [value for value in values(words, "-device") if value.startswith(start)]
    return found


def test_every_forward_is_on_the_loopback_address():
    words = command(forwards=(Forward(40022, 22), Forward(40099, 9999)))
    (network,) = values(words, "-netdev")
    assert network == (
        "user,id=management,hostfwd=tcp:127.0.0.1:40022-10.0.2.15:22"
        ",hostfwd=tcp:127.0.0.1:40099-10.0.2.15:9999"
    )


def test_forwards_lead_to_the_machines_own_address():
    words = command(forwards=(Forward(40022, 22),), address="10.0.2.77")
    assert values(words, "-netdev")[0].endswith("-10.0.2.77:22")


def test_the_management_nic_is_the_first_on_the_bus_and_the_data_nics_follow():
    words = command(data_nics=NICS)
    places = [
        device(words, f"virtio-net-pci,netdev={name}").split("addr=")[1].split(",")[0]
        for name in ("management", "outside", "inside")
    ]
    assert places == ["0x4", "0x5", "0x6"]


def test_only_the_data_nics_are_behind_the_iommu():
    words = command(data_nics=NICS)
    for name in ("outside", "inside"):
        assert "iommu_platform=on" in device(words, f"virtio-net-pci,netdev={name}")
    assert "iommu_platform" not in device(words, "virtio-net-pci,netdev=management")
    assert "intremap=on" in device(words, "intel-iommu")


def test_the_iommu_comes_before_the_devices_that_it_translates_for():
    devices = values(command(data_nics=NICS), "-device")
    assert devices[0].startswith("intel-iommu")


def test_data_nics_use_taps_that_are_open_already():
    words = command(data_nics=NICS)
    assert values(words, "-netdev")[1:] == ["tap,id=outside,fd=7", "tap,id=inside,fd=8"]
    assert Machine(Path("x"), Path("/d"), data_nics=NICS).descriptors == (7, 8)


def test_bios_has_no_firmware_of_its_own():
    assert not any("pflash" in drive for drive in values(command(), "-drive"))


def test_uefi_has_read_only_code_and_variables_of_its_own():
    words = command(firmware=Firmware.UEFI, variables=Path("/d/efi.fd"))
    code, variables = [drive for drive in values(words, "-drive") if "pflash" in drive]
    assert "readonly=on" in code
    assert variables.endswith("file=/d/efi.fd")
    assert "readonly" not in variables


def test_uefi_without_variables_is_refused():
    with pytest.raises(ValueError, match="variables"):
        command(firmware=Firmware.UEFI)


def test_a_seed_is_read_only_and_not_booted_from():
    words = command(seed=Path("/d/seed.iso"))
    (drive,) = [value for value in values(words, "-drive") if "id=seed" in value]
    assert drive.endswith("format=raw,readonly=on")
    assert "bootindex" not in device(words, "virtio-blk-pci,drive=seed")
    assert "bootindex=0" in device(words, "virtio-blk-pci,drive=disk")


@pytest.mark.parametrize(
    ("accelerator", "machine", "cpu"),
    [("tcg", "q35", "max"), ("kvm", "q35,kernel-irqchip=split", "host")],
)
def test_with_kvm_the_interrupt_controller_is_split(accelerator, machine, cpu):
    words = command(accelerator=accelerator)
    assert values(words, "-machine") == [machine]
    assert values(words, "-cpu") == [cpu]


def test_no_image_is_written_to_but_the_overlay():
    drives = values(command(seed=Path("/d/seed.iso")), "-drive")
    writable = [drive for drive in drives if "readonly=on" not in drive]
    assert writable == ["if=none,id=disk,file=/d/disk.qcow2,format=qcow2"]


@pytest.mark.parametrize("model", NicModel)
def test_each_kind_of_nic_sits_at_the_same_place_with_a_descriptor_for_each_queue(model: NicModel):
    fds = tuple(range(7, 7 + model.queues))
    words = command(data_nics=(DataNic("outside", "52:54:00:00:01:01", fds, model),))
    kind, _, options = model.partition(",")
    found = device(words, f"{kind},netdev=outside")
    assert ",mac=52:54:00:00:01:01,addr=0x5,romfile=" in found
    assert found.endswith(options)
    wanted = "fds=7:8" if model is NicModel.TWO_QUEUES else "fd=7"
    assert values(words, "-netdev")[1] == f"tap,id=outside,{wanted}"
