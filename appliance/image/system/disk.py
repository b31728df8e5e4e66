"""The disk: GPT with room for GRUB's BIOS core, an ESP, and an ext4 root that grows at first boot.

A disk is made from a folder. The ESP is written with mtools, since the build machine's kernel may
not have vfat. Partition types are those of the Discoverable Partitions Specification, which
systemd-repart uses.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.image.errors import ImageError
from appliance.image.system.command import Commands

MIB = 1024 * 1024
_SECTOR = 512
_BIOS_START_MIB, _BIOS_SIZE_MIB = 1, 1
_ESP_START_MIB, _ESP_SIZE_MIB = 2, 64
_ROOT_START_MIB = _ESP_START_MIB + _ESP_SIZE_MIB
_TAIL_MIB = 1  # the second GPT
_TYPES = {
    "bios": "21686148-6449-6E6F-744E-656564454649",
    "esp": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "root": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
}
# Readable by GRUB 2.06 and e2fsprogs of Debian 12, whatever the build machine's defaults are.
_EXT4_FEATURES = "^metadata_csum_seed,^orphan_file"


@dataclass(frozen=True)
class Disk:
    """A raw disk image and the identity of its root file system."""

    file: Path
    root_uuid: str


def layout_script() -> str:
    """The input for sfdisk."""
    rows = (
        (_BIOS_START_MIB, f"size={_BIOS_SIZE_MIB}MiB, ", "bios"),
        (_ESP_START_MIB, f"size={_ESP_SIZE_MIB}MiB, ", "esp"),
        (_ROOT_START_MIB, "", "root"),
    )
    lines = (
        f"start={start}MiB, {size}type={_TYPES[name]}, name={name}" for start, size, name in rows
    )
    return "\n".join(["label: gpt", *lines]) + "\n"


def make_disk(file: Path, tree: Path, size_mib: int, commands: Commands) -> Disk:
    """Partition ``file`` and fill its root with ``tree``; not bootable yet."""
    with file.open("wb") as stream:
        stream.truncate(size_mib * MIB)
    script = file.with_suffix(".sfdisk")
    script.write_text(layout_script())
    commands.run("sh", "-c", 'sfdisk --quiet "$1" <"$2"', "sfdisk", file, script)
    script.unlink()
    root_uuid = str(uuid.uuid4())
    size_kib = (size_mib - _ROOT_START_MIB - _TAIL_MIB) * 1024
    commands.run(
        *("mke2fs", "-q", "-F", "-t", "ext4", "-O", _EXT4_FEATURES, "-L", "root", "-U", root_uuid),
        *("-m", "1", "-E", f"offset={_ROOT_START_MIB * MIB}", "-d", tree, file, f"{size_kib}k"),
    )
    return Disk(file, root_uuid)


def write_esp(disk: Disk, files: dict[str, Path], scratch: Path, commands: Commands) -> None:
    """Make the ESP's file system, with ``files`` (path in the ESP: source)."""
    esp = scratch / "esp.img"
    with esp.open("wb") as stream:
        stream.truncate(_ESP_SIZE_MIB * MIB)
    commands.run("mkfs.vfat", "-F", "32", "-n", "ESP", esp)
    for folder in sorted({str(parent) for path in files for parent in Path(path).parents} - {"."}):
        commands.run("mmd", "-i", esp, f"::/{folder}")
    for path, source in files.items():
        commands.run("mcopy", "-i", esp, source, f"::/{path}")
    with disk.file.open("r+b") as stream, esp.open("rb") as content:
        stream.seek(_ESP_START_MIB * MIB)
        stream.write(content.read())
    esp.unlink()


@contextmanager
def root_mounted(
    file: Path, place: Path, commands: Commands, options: str = "rw"
) -> Iterator[Path]:
    """The root file system of a raw disk, at ``place``; its loop device goes with the mount."""
    place.mkdir(parents=True, exist_ok=True)
    loop = f"loop,{options},offset={_ROOT_START_MIB * MIB}"
    commands.run("mount", "-t", "ext4", "-o", loop, file, place)
    try:
        yield place
    finally:
        commands.run("umount", place)


@contextmanager
def attached(file: Path, commands: Commands) -> Iterator[str]:
    """The disk as a loop device with its partitions; yields its name in /dev, ``loop3``."""
    with ExitStack() as stack:
        device = commands.run("losetup", "--find", "--show", file).strip()
        stack.callback(commands.run, "losetup", "--detach", device)
        # The kernel may have read the table already, or may not scan loop devices.
        commands.run("partx", "--update", device)
        stack.callback(commands.run, "partx", "--delete", device)
        name = Path(device).name
        for number in (1, 2, 3):
            if not Path(f"{device}p{number}").exists():
                raise ImageError(
                    f"{device}p{number} did not appear: is /dev of this machine a devtmpfs?"
                )
        yield name
