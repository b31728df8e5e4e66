"""The seed of a node: cloud-init's NoCloud files on an ISO 9660 volume."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from appliance.commands import run
from appliance.config.dump import dump
from appliance.config.load import parse_config, read_document
from appliance.provisioner.qemu.configuration import QemuConfig

LABEL = "CIDATA"
TOKEN_FILE, CA_FILE = "/etc/secbeat/enrol.token", "/etc/secbeat/fleet-ca.crt"


def write(volume: Path, config: QemuConfig, node: str, fleet: dict[str, Any]) -> None:
    """Write the volume, readable by root only. Raises `ConfigurationError`, `CommandError`."""
    folder = volume.with_suffix(".files")
    folder.mkdir(mode=0o700)
    try:
        for name, text in files(config, node, fleet).items():
            (folder / name).write_text(text)
        os.close(os.open(volume, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        options = ("-as", "mkisofs", "-quiet", "-volid", LABEL, "-joliet", "-rational-rock")
        run("xorriso", *options, "-output", str(volume), str(folder))
    finally:
        shutil.rmtree(folder)


def files(config: QemuConfig, node: str, fleet: dict[str, Any]) -> dict[str, str]:
    """The files by name; user data is JSON, which is valid YAML."""
    written = [
        _file("/etc/secbeat/secbeat.toml", _configuration(config, node, fleet), "0644"),
        _file(TOKEN_FILE, f"{fleet['token']}\n", "0400") | {"owner": "secbeat:secbeat"},
    ]
    if config.ca_file is not None:
        written.append(_file(CA_FILE, config.ca_file.read_text(), "0644"))
    user_data: dict[str, Any] = {"hostname": node, "write_files": written}
    if config.authorized_keys:
        user_data["ssh_authorized_keys"] = list(config.authorized_keys)
    return {
        "user-data": f"#cloud-config\n{json.dumps(user_data, indent=1)}\n",
        "meta-data": json.dumps({"instance-id": node, "local-hostname": node}) + "\n",
    }


def _configuration(config: QemuConfig, node: str, fleet: dict[str, Any]) -> str:
    tables = read_document(config.configuration)
    tables["node"] = tables.get("node", {}) | {"name": node}
    section = {"url": fleet["url"], "token_file": TOKEN_FILE, "labels": fleet["labels"]}
    if config.ca_file is not None:
        section["ca_file"] = CA_FILE
    tables["fleet"] = section
    parse_config(tables, config.configuration)
    return dump(tables)


def _file(path: str, content: str, permissions: str) -> dict[str, str]:
    return {"path": path, "content": content, "permissions": permissions}
