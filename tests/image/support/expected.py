"""What an appliance is made of: whole sets, so that whatever is added has to be added here too."""

from __future__ import annotations

from tests.image.support.inside import Listener
from tests.image.support.peers.taps import OUTSIDE_MAC
from tests.image.support.vms.machine import LEASE

BUILD_ACCOUNT = "packer"
ADMINISTRATOR = "admin"
SERVICE_USERS = {"secbeat", "secbeat-dp", "haproxy"}

_DEBIAN_USERS = {
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "_apt",
    "nobody",
    "systemd-network",
    "systemd-resolve",
    "messagebus",
    "sshd",
    "_chrony",
    "dhcpcd",
    "tcpdump",
}
USERS = _DEBIAN_USERS | SERVICE_USERS
"""Of a closed image; the first boot, or the operator's seed, adds the administrator."""

PROCESSES = {
    "secbeat-dataplane.service": "secbeat-dp",
    "secbeat-api.service": "secbeat",
    "secbeat-agent.service": "secbeat",
    "secbeat-tls.service": "haproxy",
}
"""The product's processes, and the user of each."""

BUILD_PACKAGES = {
    "binutils",
    "build-essential",
    "clang",
    "cpp",
    "dpdk-dev",
    "g++",
    "gcc",
    "git",
    "libc6-dev",
    "libdpdk-dev",
    "libhyperscan-dev",
    "libllhttp-dev",
    "make",
    "pkg-config",
    "pkgconf",
    "python3-dev",
    "python3-pip",
}
"""Some of what a machine that builds has; one is enough to show that a compiler came along."""

SETUID_PROGRAMS = {
    "usr/bin/chage",
    "usr/bin/chfn",
    "usr/bin/chsh",
    "usr/bin/expiry",
    "usr/bin/gpasswd",
    "usr/bin/mount",
    "usr/bin/newgrp",
    "usr/bin/passwd",
    "usr/bin/ssh-agent",
    "usr/bin/su",
    "usr/bin/sudo",
    "usr/bin/umount",
    "usr/lib/dbus-1.0/dbus-daemon-launch-helper",
    "usr/lib/openssh/ssh-keysign",
    "usr/sbin/unix_chkpwd",
}

ENABLED_UNITS = {
    # of the product
    "secbeat-agent.service",
    "secbeat-api.service",
    "secbeat-console.timer",
    "secbeat-dataplane.service",
    "secbeat-firstboot.service",
    "secbeat-host.service",
    "secbeat-network.service",
    "secbeat-nics.service",
    "secbeat-tls.service",
    # of Debian
    "chrony.service",
    "cloud-config.service",
    "cloud-final.service",
    "cloud-init-local.service",
    "cloud-init-main.service",
    "cloud-init-network.service",
    "fstrim.timer",
    "getty@.service",
    "nftables.service",
    "remote-fs.target",
    "ssh.service",
    "systemd-network-generator.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-pstore.service",
    "systemd-resolved.service",
}

RUNNING_SERVICES = {
    *PROCESSES,
    "chrony.service",
    "dbus.service",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "ssh.service",
    "systemd-journald.service",
    "systemd-logind.service",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-udevd.service",
}

KERNEL_COMMAND_LINE = [
    "ro",
    "console=tty0",
    "console=ttyS0,115200",
    "no_timer_check",
    "systemd.ssh_auto=no",
    "intel_iommu=on",
    "iommu=pt",
]

LISTENERS = {
    Listener("udp", f"{LEASE}%enp0s4", 68, "systemd-network"),  # the DHCP client
    Listener("tcp", "0.0.0.0", 22, "sshd"),
    Listener("tcp", "[::]", 22, "sshd"),
    Listener("tcp", "0.0.0.0", 9443, "haproxy"),
    Listener("tcp", "[::]", 9443, "haproxy"),
    Listener("tcp", "*", 9090, "secbeat-agent"),
    Listener("tcp", "127.0.0.1", 9191, "secbeat-agent"),
    Listener("tcp", "[::1]", 9191, "secbeat-agent"),
    Listener("tcp", "127.0.0.1", 9999, "secbeat-api"),
    Listener("tcp", "[::1]", 9999, "secbeat-api"),
}

NOT_FOR_THE_NETWORK = (9191, 9443)
"""Ports that listen, and that the firewall keeps from everybody outside."""

GROUPS = {
    "sudo": {"admin"},
}

PROCESSES_WITH_CAPABILITIES = {
    "agetty",
    "chronyd",
    "dbus-daemon",
    "sshd",
    "systemd",
    "systemd-journal",
    "systemd-logind",
    "systemd-network",
    "systemd-resolve",
    "systemd-udevd",
}
"""By the kernel's names, which have 15 characters."""

HUGEPAGES = 32
"""64 MiB of packet memory by default, in pages of 2 MiB."""

MODES = {
    "/etc/secbeat": "0755 root:root",
    "/etc/secbeat/haproxy.cfg": "0644 root:root",
    "/etc/secbeat/tls": "0700 root:root",
    "/opt/secbeat": "0755 root:root",
    "/etc/apt/apt.conf.d/50-secbeat": "0644 root:root",
    "/etc/nftables.conf": "0644 root:root",
    "/etc/sudoers.d/secbeat": "0440 root:root",
    "/usr/local/bin/secbeat": "0777 root:root",
    "/opt/secbeat/share/man/man1/secbeat.1": "0644 root:root",
    "/usr/share/bash-completion/completions/secbeat": "0777 root:root",
    "/usr/share/man/man1/secbeat-blacklist.1": "0777 root:root",
    "/usr/share/secbeat/countries.db": "0644 root:root",
}
"""Of files and folders that the build lays; a link shows as 0777."""

MODES_AFTER_FIRST_BOOT = {
    **MODES,
    "/etc/secbeat/secbeat.toml": "0644 root:root",
    "/etc/secbeat/tls/tls.crt": "0644 root:root",
    "/etc/secbeat/tls/tls.key": "0600 root:root",
    "/etc/ssh/ssh_host_ed25519_key": "0600 root:root",
    "/run/secbeat": "2750 secbeat-dp:secbeat",
    "/run/secbeat/dataplane.sock": "0660 secbeat-dp:secbeat",
    "/run/secbeat-agent": "0700 secbeat:secbeat",
    "/run/secbeat-agent/agent.sock": "0600 secbeat:secbeat",
    "/run/secbeat/rules.sock": "0660 secbeat-dp:secbeat",
    "/run/secbeat-api": "0750 secbeat:haproxy",
    "/run/secbeat-nics": "0755 root:root",
    "/var/lib/secbeat": "0755 root:root",
    "/var/lib/secbeat/agent": "0700 secbeat:secbeat",
    "/var/lib/secbeat/agent/agent.key": "0600 secbeat:secbeat",
    "/var/lib/secbeat/agent/events.db": "0640 secbeat:secbeat",
    "/var/lib/secbeat/agent/webhooks.secret": "0600 secbeat:secbeat",
    "/var/lib/secbeat/api": "0700 secbeat:secbeat",
    "/var/lib/secbeat/countries": "0755 root:root",
    "/var/lib/secbeat/keys": "0700 secbeat:secbeat",
    "/var/lib/secbeat/keys/admin.key": "0600 secbeat:secbeat",
    "/var/lib/secbeat/node-id": "0644 root:root",
    "/var/lib/secbeat/rules": "0700 secbeat-dp:secbeat-dp",
    "/var/lib/secbeat/state": "2750 secbeat:secbeat-dp",
}

SECBEAT_TOML = f"""\
# From the seed: one NIC by its MAC, one by its place, and lists of their own size.
[management]
nic = "nic:0"
[ports.outside]
device = "mac:{OUTSIDE_MAC}"
[ports.inside]
device = "nic:2"
[dataplane]
hugepages = "on"
[lists]
addresses_max = 200000
prefixes_max = 20000
[api]
socket = "/run/secbeat-api/api.sock"
[metrics]
public = "[::]:9090"
"""
"""What an operator writes for the machine of these tests."""
