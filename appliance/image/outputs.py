"""The results of a build: compressed disks, a manifest, checksums; and whether they are current."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.image.system.command import Commands

MANIFEST = "manifest.json"
CHECKSUMS = "SHA256SUMS"
WHEELHOUSE = "wheelhouse"
"""Folder with the wheels of the release, for hosts that are no image; it pins itself by hashes."""
_CHUNK = 1 << 20


def sha256(file: Path) -> str:
    """The file's digest, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def compress_qcow2(raw: Path, target: Path, commands: Commands) -> None:
    """A compressed qcow2 (zstd: QEMU 5.1 or later reads it); complete, or it does not exist."""
    new = target.with_name(f".{target.name}.new")
    options = "compression_type=zstd"
    commands.run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, new)
    new.rename(target)


def compress_raw(raw: Path, target: Path, commands: Commands) -> None:
    """The raw disk under zstd."""
    new = target.with_name(f".{target.name}.new")
    commands.run("zstd", "-q", "-f", "-T0", "-6", raw, "-o", new)
    new.rename(target)


def copy_wheelhouse(wheels: Path, output: Path) -> None:
    """The wheels beside the disks; those of an earlier build are not kept."""
    shutil.rmtree(output / WHEELHOUSE, ignore_errors=True)
    shutil.copytree(wheels, output / WHEELHOUSE)


def installed_packages(root: Path, commands: Commands) -> dict[str, str]:
    """The versions of the Debian packages in a root, by name."""
    database = f"--admindir={root / 'var/lib/dpkg'}"
    shown = commands.run("dpkg-query", database, "-W", "-f", "${Package}\t${Version}\n")
    return dict(sorted(line.split("\t", 1) for line in shown.splitlines()))


def manifest(
    facts: Mapping[str, Any], files: Mapping[str, Path], packages: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """The manifest: facts of the build, files with size and digest, packages per image."""
    return {
        **facts,
        "built_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "files": {
            file.name: {"image": image, "bytes": file.stat().st_size, "sha256": sha256(file)}
            for image, file in files.items()
        },
        "packages": {image: dict(versions) for image, versions in packages.items()},
    }


def write_manifest(output: Path, document: Mapping[str, Any]) -> None:
    """Write the manifest, then SHA256SUMS over it and every file in it: the sums come last."""
    new = output / f".{MANIFEST}.new"
    new.write_text(json.dumps(document, indent=2) + "\n")
    new.rename(output / MANIFEST)
    sums = {name: str(entry["sha256"]) for name, entry in document["files"].items()}
    sums[MANIFEST] = sha256(output / MANIFEST)
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    (output / CHECKSUMS).write_text(lines)


def is_current(output: Path, key: str) -> bool:
    """Whether the output was made from exactly these inputs and was not changed."""
    try:
        document = json.loads((output / MANIFEST).read_text())
        files = document["files"].items()
        return document["inputs"] == key and all(
            sha256(output / name) == entry["sha256"] for name, entry in files
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def remove_stale(output: Path) -> None:
    """Remove the files of earlier builds, of all versions."""
    for pattern in ("secbeat-*.qcow2", "secbeat-*.raw.zst", ".*.new", MANIFEST, CHECKSUMS):
        for file in output.glob(pattern):
            file.unlink()


def give_to(owner: os.stat_result, folder: Path) -> None:
    """Give files that root made in the tree to the tree's owner."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
