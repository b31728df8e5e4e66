"""The role ``host`` reboots only for another kernel command line, and after all restarts."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.documents.playbooks import TREE, ansible

PLAYBOOKS = TREE / "playbooks"
BOOT_FILE = "/etc/default/grub.d/50-secbeat.cfg"
PLAY = """
- name: The host
  hosts: localhost
  gather_facts: false
  roles: [host]
  post_tasks:
    - name: Report
      ansible.builtin.debug: {msg: "reboots: {{ secbeat_host_rebooting | default(false) }}"}
"""
ROOTFS = """
- name: Install the files
  ansible.builtin.debug: {var: laid}
  register: secbeat_rootfs_laid
  changed_when: true
- name: Report
  ansible.builtin.command: {argv: [printf, "%s", "{{ laid }}"]}
  register: secbeat_rootfs_laid
  changed_when: true
"""


def output(home: Path, laid: str, *, reboot: bool) -> str:
    """What a run says on a host on which these files differ; it applies nothing."""
    shutil.copytree(PLAYBOOKS / "roles" / "host", home / "roles" / "host")
    handlers = home / "roles" / "host" / "handlers" / "main.yml"
    kept = yaml.safe_load(handlers.read_text())
    for handler in kept:
        for module in ("ansible.builtin.command", "ansible.builtin.systemd_service"):
            if handler.pop(module, None):
                handler["ansible.builtin.debug"] = {"msg": "runs"}
    handlers.write_text(yaml.safe_dump(kept))
    tasks = home / "roles" / "rootfs" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(ROOTFS)
    (home / "play.yml").write_text(PLAY)
    variables = {"laid": laid, "secbeat_host_reboot": reboot}
    variables |= {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", json.dumps(variables), home / "play.yml"),
        home=home,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("laid", "reboot", "menu", "reboots"),
    [
        ("/etc/chrony/conf.d/50-secbeat.conf", True, False, False),
        (f"/etc/chrony/conf.d/50-secbeat.conf\n{BOOT_FILE}", True, True, True),
        (BOOT_FILE, False, True, False),
    ],
)
def test_only_the_boot_loaders_file_leads_to_a_reboot(
    tmp_path: Path, laid: str, reboot: bool, menu: bool, reboots: bool
) -> None:
    text = output(tmp_path, laid, reboot=reboot)
    assert ("RUNNING HANDLER [host : Write the boot loader's menu]" in text) == menu
    assert f"reboots: {reboots}" in text


def test_the_boot_loaders_file_is_one_of_the_tree() -> None:
    variables = yaml.safe_load((PLAYBOOKS / "roles/host/vars/main.yml").read_text())
    assert variables == {"secbeat_host_boot_file": BOOT_FILE}
    assert (TREE / "appliance" / "rootfs" / "host" / BOOT_FILE.lstrip("/")).exists()


def test_no_handler_reboots_and_the_packet_path_goes_down_once() -> None:
    """Handlers of later roles would restart what a reboot has started."""
    for file in (PLAYBOOKS / "roles").glob("*/handlers/main.yml"):
        assert "ansible.builtin.reboot" not in file.read_text()
    nodes = yaml.safe_load((PLAYBOOKS / "site.yml").read_text())[1]
    reboot = {"name": "host", "tasks_from": "reboot.yml"}
    assert reboot in [task.get("ansible.builtin.import_role") for task in nodes["post_tasks"]]
    handlers = yaml.safe_load((PLAYBOOKS / "roles/node/handlers/main.yml").read_text())
    packet_path = next(each for each in handlers if "packet path" in each["name"])
    assert "not secbeat_host_rebooting" in packet_path["when"]
