"""What a running node is made of, as whole sets: nothing is missing and nothing was added."""

from __future__ import annotations

from typing import Any

import pytest

from tests.image.support import expected, inside
from tests.image.support.inside import Process
from tests.image.support.vms.machine import MANAGEMENT_MAC
from tests.image.support.vms.vm import VM

MANAGEMENT, OUTSIDE, INSIDE = "0000:00:04.0", "0000:00:05.0", "0000:00:06.0"


def test_users(host: Any):
    assert set(inside.users(host)) == expected.USERS | {expected.ADMINISTRATOR}


def test_accounts_that_can_be_logged_into(host: Any):
    assert inside.users_with_shell(host) == {"root", expected.ADMINISTRATOR}


def test_the_administrator_has_keys_and_no_password(host: Any):
    status = host.check_output(f"passwd --status {expected.ADMINISTRATOR}").split()
    assert status[1] == "L", status
    assert host.check_output("passwd --status root").split()[1] == "L"


def test_members_of_groups(host: Any):
    assert inside.groups(host) == expected.GROUPS


def test_enabled_units(host: Any):
    assert inside.enabled_units(host) == expected.ENABLED_UNITS


def test_running_services(host: Any):
    assert inside.running_services(host) == expected.RUNNING_SERVICES


def test_listening_sockets(host: Any):
    assert inside.listeners(host) == expected.LISTENERS


def test_kernel_command_line(host: Any):
    assert inside.kernel_command_line(host) == expected.KERNEL_COMMAND_LINE


def test_no_package_to_build_with_is_installed(host: Any):
    assert inside.packages(host) & expected.BUILD_PACKAGES == set()


def test_modes_of_files(host: Any):
    wanted = expected.MODES_AFTER_FIRST_BOOT
    assert inside.modes(host, wanted) == wanted


def test_the_data_nics_and_no_other_belong_to_dpdk(host: Any):
    assert inside.drivers(host, (MANAGEMENT, OUTSIDE, INSIDE)) == {
        MANAGEMENT: "virtio-pci",
        OUTSIDE: "vfio-pci",
        INSIDE: "vfio-pci",
    }
    macs = set(host.check_output("cat /sys/class/net/*/address").split())
    assert macs == {"00:00:00:00:00:00", MANAGEMENT_MAC}


def test_interrupts_are_remapped_so_vfio_needs_no_exception(host: Any):
    parameter = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    assert host.check_output(f"cat {parameter}").strip() == "N"


def test_hugepages_are_those_of_the_configuration(host: Any):
    """So many and no more, and the packet path has them."""
    page = "/sys/kernel/mm/hugepages/hugepages-2048kB"
    total, free = host.check_output(f"cat {page}/nr_hugepages {page}/free_hugepages").split()
    assert int(total) == expected.HUGEPAGES
    assert int(free) < int(total)


def test_the_seed_is_the_configuration(host: Any, configuration: str):
    assert host.check_output("cat /etc/secbeat/secbeat.toml") == configuration.strip()


@pytest.fixture(scope="module")
def processes(host: Any) -> list[Process]:
    """All of them, looked at once."""
    return inside.processes(host)


def test_processes_with_capabilities(host: Any, processes: list[Process]):
    own = {"systemctl", "ssh", "sudo", "sh", "bash", "cat", "sshd-session"}  # who is asking
    found = {process.name for process in processes if process.permitted} - own
    assert found == expected.PROCESSES_WITH_CAPABILITIES


@pytest.fixture(scope="module")
def user_ids(host: Any) -> dict[str, int]:
    return inside.users(host)


@pytest.mark.parametrize(("unit", "user"), expected.PROCESSES.items())
def test_a_process_of_ours_has_its_own_user_and_no_right_to_gain_any(
    processes: list[Process], user_ids: dict[str, int], unit: str, user: str
):
    own = [process for process in processes if process.unit == unit]
    assert own
    assert {process.user for process in own} == {user_ids[user]}
    for process in own:
        assert process.effective == process.permitted == process.ambient == 0, process
        assert process.bounding == 0, process
        assert process.no_new_privileges, process
        assert process.system_calls_filtered, process


def test_processes_of_ours_are_watched_and_restarted_without_a_limit(host: Any):
    names = ("Restart", "StartLimitIntervalUSec", "ProtectSystem", "Environment", "WatchdogUSec")
    found = inside.properties(host, expected.PROCESSES, *names)
    watchdogs = {unit: values.pop("WatchdogUSec") for unit, values in found.items()}
    # HAProxy's master feeds none; it watches its worker itself.
    assert {unit for unit, period in watchdogs.items() if period == "0"} == {"secbeat-tls.service"}
    wanted = {
        "Restart": "always",
        "StartLimitIntervalUSec": "0",
        "ProtectSystem": "strict",
        "Environment": "",
    }
    assert found == dict.fromkeys(expected.PROCESSES, wanted)


def test_the_worker_cpu_is_set_apart(host: Any):
    def cpus(slice_name: str) -> str:
        return host.check_output(f"cat /sys/fs/cgroup/{slice_name}/cpuset.cpus.effective").strip()

    assert {name: cpus(name) for name in ("system.slice", "user.slice", "secbeat.slice")} == {
        "system.slice": "0",
        "user.slice": "0",
        "secbeat.slice": "0-1",
    }


def test_the_control_loop_keeps_a_share_of_the_cpu_beside_polling_workers(host: Any):
    """A group's weight goes to its CPUs by their load: without more, the workers have it all."""
    assert host.check_output("cat /sys/fs/cgroup/secbeat.slice/cpu.weight").strip() == "10000"


def test_swap_logs_and_clock(host: Any):
    assert host.check_output("cat /proc/swaps").count("\n") == 0
    assert "port 0" in host.check_output("cat /etc/chrony/conf.d/50-secbeat.conf")
    assert host.file("/var/log/journal").is_directory


def test_the_build_account_is_gone(host: Any):
    assert not host.user(expected.BUILD_ACCOUNT).exists
    assert host.check_output("ls /home") == expected.ADMINISTRATOR


def test_the_machine_has_an_identity_of_its_own(host: Any, node: VM):
    machine_id = host.check_output("cat /etc/machine-id").strip()
    assert len(machine_id) == 32
    node_id = host.check_output("cat /var/lib/secbeat/node-id").strip()
    assert node_id.replace("-", "") != machine_id
    keys = host.check_output("sh -c 'ls /etc/ssh/ssh_host_*_key'").split()
    assert keys == ["/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"]
