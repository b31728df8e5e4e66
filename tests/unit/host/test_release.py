"""`secbeat host nics --release`: the kernel gets back what it can take, and nothing in use."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from appliance.cli.commands import host as host_command
from appliance.cli.terminal.output import Output
from appliance.host.files import HostError
from appliance.host.nics import Released, release
from tests.support.fakes.fake_host import IXGBE, FakeHost
from tests.support.fakes.fake_kernel import DRIVERS, FakeKernel, FakeTools
from tests.unit.host.conftest import INSIDE, OUTSIDE, Configure, bring, driver


def test_nics_are_given_back(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    config = configure()
    bring(kernel, tools, config)
    assert release(kernel, config) == Released((OUTSIDE, INSIDE), ())
    assert driver(kernel, OUTSIDE) == driver(kernel, INSIDE) == "virtio-pci"
    assert release(kernel, config) == Released((), ())


@pytest.mark.parametrize("is_there", [True, False], ids=["no kernel driver", "not there"])
def test_a_nic_that_can_not_be_given_back_does_not_keep_the_other(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure, is_there: bool
) -> None:
    config = configure(OUTSIDE)
    bring(kernel, tools, config)
    if is_there:
        fake.add_pmd("librte_net_ixgbe", IXGBE)
        fake.add_nic(OUTSIDE, "vfio-pci", "8086:10fb")
    else:
        fake.remove_nic(OUTSIDE)
    released = release(kernel, config)
    assert released.given == (INSIDE,)
    assert driver(kernel, INSIDE) == "virtio-pci"
    (line,) = released.refusals
    assert OUTSIDE in line
    assert ("was taken by no kernel driver" if is_there else "is not there") in line


def test_the_command_says_what_it_gave_back_and_what_it_could_not(
    fake: FakeHost,
    kernel: FakeKernel,
    tools: FakeTools,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bring(kernel, tools, configure(OUTSIDE))
    fake.remove_nic(OUTSIDE)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("appliance.config.load.load_config", lambda _: configure(OUTSIDE))
    options = argparse.Namespace(config=Path("/x"), dry_run=False, release=True)
    with pytest.raises(HostError, match=f"{OUTSIDE} is not there"):
        host_command.nics(host_command.Call(options, kernel, tools, Output(as_json=False)))
    assert INSIDE in capsys.readouterr().out


def test_a_dry_release_only_says_what_it_would_do(
    kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    bring(kernel, tools, configure())
    assert release(kernel, configure(), dry_run=True) == Released((OUTSIDE, INSIDE), ())
    assert driver(kernel, OUTSIDE) == "vfio-pci"


def test_a_nic_that_a_process_has_is_not_taken_away(
    fake: FakeHost, kernel: FakeKernel, tools: FakeTools, configure: Configure
) -> None:
    bring(kernel, tools, configure())
    fake.link("/proc/77/fd/9", "/dev/vfio/7")
    fake.write("/proc/77/comm", "secbeat-datapl\n")
    kernel.told.clear()
    line = r"in use by secbeat-datapl \(pid 77\); `systemctl stop secbeat-dataplane`"
    with pytest.raises(HostError, match=line):
        release(kernel, configure())
    fake.write(f"{DRIVERS}/uio_pci_generic/module")
    fake.link("/proc/77/fd/9", "/dev/vfio/6")
    with pytest.raises(HostError, match=line):
        bring(kernel, tools, configure(dataplane={"nic_driver": "uio_pci_generic"}))
    assert kernel.told == []
    assert bring(kernel, tools, configure()).outside.driver == "vfio-pci", "as it is: no matter"
