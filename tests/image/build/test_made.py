"""What the roles have made of the base, asked of the machine before its disk is closed.

Packer runs this over ssh as the build account. What only a running node shows (sockets, processes,
keys of the first boot) is asked of the booted image.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.image.support import expected, inside

HARDENED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "Restart": "always"}
CONFIGURATION = "/usr/share/secbeat/secbeat.toml"


def test_users(host: Any):
    assert set(inside.users(host)) == expected.USERS | {expected.BUILD_ACCOUNT}


def test_accounts_that_can_be_logged_into(host: Any):
    assert inside.users_with_shell(host) == {"root", expected.BUILD_ACCOUNT}


@pytest.mark.parametrize("user", ["secbeat", "secbeat-dp"])
def test_a_user_of_the_node_has_no_home_and_no_password(host: Any, user: str):
    account = host.user(user)
    assert account.home == "/nonexistent"
    assert account.password[0] in "!*"


def test_enabled_units(host: Any):
    assert inside.enabled_units(host) == expected.ENABLED_UNITS


def test_units_are_confined_and_restart_without_a_limit(host: Any):
    names = (*HARDENED, "User", "StartLimitIntervalUSec", "CapabilityBoundingSet")
    found = inside.properties(host, expected.PROCESSES, *names)
    limits = {"StartLimitIntervalUSec": "0", "CapabilityBoundingSet": ""}
    assert found == {
        unit: {**HARDENED, **limits, "User": user} for unit, user in expected.PROCESSES.items()
    }


def test_systemd_has_nothing_to_say_about_our_units(host: Any):
    units = sorted(unit for unit in expected.ENABLED_UNITS if unit.startswith("secbeat-"))
    done = host.run(f"systemd-analyze verify --man=no {' '.join(units)}")
    assert done.rc == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "secbeat" in line] == []


def test_no_package_to_build_with_is_installed(host: Any):
    assert inside.packages(host) & expected.BUILD_PACKAGES == set()


def test_modes_of_files(host: Any):
    assert inside.modes(host, expected.MODES) == expected.MODES


def test_the_environment_is_whole(host: Any):
    """All that the wheels of the project want is there; nothing of it can be written to."""
    script = "import importlib.metadata as m; print(m.version('secbeat'))"
    assert host.check_output(f'/opt/secbeat/bin/python -c "{script}"')
    writable = "find /opt/secbeat ! -type l ( ! -user root -o -perm /022 )"
    assert host.check_output(writable.replace("(", "\\(").replace(")", "\\)")) == ""


def test_the_library_loads_with_this_dpdk(host: Any):
    script = "from dataplane.native.library import load; load()"
    assert host.run(f'/opt/secbeat/bin/python -c "{script}"').rc == 0


def test_the_default_configuration_is_valid(host: Any):
    script = "from appliance.config.load import load_config; load_config()"
    assert host.run(f'/opt/secbeat/bin/python -c "{script}"').rc == 0
    assert host.file(CONFIGURATION).is_file


def test_the_kernel_is_told_of_the_iommu(host: Any):
    menu = host.check_output("grep -m1 -E '^\\s+linux\\s' /boot/grub/grub.cfg").split()
    words = [word for word in menu[2:] if not word.startswith("root=")]
    assert words == expected.KERNEL_COMMAND_LINE


def test_the_firewall_is_valid_and_drops_what_it_does_not_name(host: Any):
    assert host.run("nft --check --file /etc/nftables.conf").rc == 0
    rules = host.check_output("cat /etc/nftables.conf")
    assert rules.count("policy drop") == 2


def test_the_tls_terminator_accepts_its_configuration(host: Any):
    made = (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout $d/tls.key -out $d/tls.crt"
    )
    check = "CREDENTIALS_DIRECTORY=$d haproxy -c -f /etc/secbeat/haproxy.cfg"
    done = host.run(f"sh -c 'd=$(mktemp -d); {made}; {check}; e=$?; rm -r $d; exit $e'")
    assert done.rc == 0, done.stderr


def test_ssh_takes_keys_only(host: Any):
    settings = dict(
        line.split(" ", 1) for line in host.check_output("/usr/sbin/sshd -T").splitlines()
    )
    assert settings["passwordauthentication"] == "no"
    assert settings["kbdinteractiveauthentication"] == "no"
    assert settings["permitemptypasswords"] == "no"
    assert settings["permitrootlogin"] == "no"


def test_sudo_accepts_its_rules(host: Any):
    assert host.run("visudo --check --quiet").rc == 0


def test_what_jobs_of_an_orchestrator_run_is_there(host: Any):
    assert host.file("/opt/secbeat/share/secbeat/playbooks/scale.yml").is_file
    script = "import ansible_runner"
    assert host.run(f'/opt/secbeat/bin/python -c "{script}"').rc == 0
