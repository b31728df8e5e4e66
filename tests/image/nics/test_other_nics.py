"""Other NICs than virtio with one queue: a machine with each boots once, and forwards.

The cloud kernel has no driver for some of them, so they have no interface: named by PCI address.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.image.support import expected
from tests.image.support.artifacts import VIRTUAL, accelerator, image
from tests.image.support.peers import seed
from tests.image.support.peers.taps import INSIDE_MAC, ORIGIN4, ORIGIN6, OUTSIDE_MAC, Wire
from tests.image.support.run import Run
from tests.image.support.vms.machine import DATA_PLACE, NicModel
from tests.image.support.vms.vm import VM, Plan

OUTSIDE, INSIDE = (f"0000:00:{DATA_PLACE + index:02x}.0" for index in range(2))
MODELS = [model for model in NicModel if model is not NicModel.VIRTIO]
PMDS = {
    NicModel.TWO_QUEUES: "net_virtio",
    NicModel.NO_CHECKSUMS: "net_virtio",
    NicModel.E1000: "net_e1000_em",
    NicModel.E1000E: "net_e1000_em",
    NicModel.VMXNET3: "net_vmxnet3",
}
BY_MAC = "/var/tmp/by-mac.toml"  # noqa: S108 - in the machine


def configuration(outside: str, inside: str, lcores: int) -> str:
    return (
        expected.SECBEAT_TOML.replace(f'"mac:{OUTSIDE_MAC}"', f'"{outside}"')
        .replace('"nic:2"', f'"{inside}"')
        .replace("[dataplane]\n", f"[dataplane]\nlcores = {lcores}\n")
    )


BOOT_S = 1500
pytestmark = pytest.mark.timeout(BOOT_S)
"""Above the bounds of the waits in one test; the first of a machine waits for its boot."""


@pytest.fixture(scope="module", params=MODELS, ids=[model.name.lower() for model in MODELS])
def model(request: pytest.FixtureRequest) -> NicModel:
    found: NicModel = request.param
    return found


@pytest.fixture(scope="module")
def wire(run: Run, model: NicModel) -> Iterator[Wire]:
    with Wire(run.peers, model) as made:
        yield made


@pytest.fixture(scope="module")
def node(run: Run, wire: Wire, model: NicModel) -> Iterator[VM]:
    name = model.name.lower().replace("_", "-")
    volume = run.directory / f"{name}.iso"
    text = configuration(OUTSIDE, INSIDE, model.queues)
    seed.write_iso(volume, seed.cloud_init_files(name, run.key.public, text))
    plan = Plan(image(VIRTUAL), name, accelerator=accelerator(), seed=volume, data_nics=wire.nics)
    with VM(plan, run.directory, run.key, run.name) as machine:
        machine.wait_until_up()
        yield machine


def test_it_forwards_by_the_driver_of_its_nics(node: VM, wire: Wire, model: NicModel):
    wire.wait_until_it_forwards()
    assert wire.passes(ORIGIN6)
    assert wire.peers.curl(f"{ORIGIN4}1m.bin", timeout_s=60).returncode == 0
    doctor = node.ssh("sudo secbeat doctor").stdout
    assert PMDS[model] in doctor
    assert "hugepages\tok\t" in doctor, "the node holds them"
    assert "NOT FORWARDING" not in doctor
    assert "link outside" not in doctor
    console = node.root("cat /run/issue.d/50-secbeat.issue")
    assert "NOT FORWARDING" not in console


def test_by_mac_address_it_can_not_be_found_and_is_named_as_a_device(node: VM, model: NicModel):
    text = configuration(f"mac:{OUTSIDE_MAC}", f"mac:{INSIDE_MAC}", model.queues)
    # Without ports.json nobody remembers an address that a driver has shown earlier in the boot.
    text = f'[node]\nnics_dir = "/var/tmp/none"\n{text}'
    node.root(f"cat > {BY_MAC} << 'END'\n{text}END")
    done = node.ssh(f"sudo secbeat host nics --dry-run --config {BY_MAC}")
    assert done.returncode == 1
    assert f'device = "{OUTSIDE}", or device = "{INSIDE}"' in done.stderr
