"""What ``make image`` has left in build/image, by its manifest."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, Literal

from tests.image.support.run import Run
from tests.support.instances.lab import TREE

OUTPUT = TREE / "build" / "image"
MANIFEST = OUTPUT / "manifest.json"
WHEELHOUSE = OUTPUT / "wheelhouse"
VIRTUAL, METAL = "vm", "metal"


def image(kind: str) -> Path:
    """The file of this kind; AssertionError says what to do if there is none."""
    files = _manifest()["files"]
    names = [name for name, entry in files.items() if entry["image"] == kind]
    assert names, f"{MANIFEST} names no image of kind {kind!r}: run 'make image' without --no-metal"
    return OUTPUT / names[0]


def accelerator() -> Literal["tcg", "kvm"]:
    """What a kernel was seen to boot under when the image was built."""
    return "kvm" if _manifest()["accelerator"] == "kvm" else "tcg"


def python_sources() -> dict[str, str]:
    """SHA-256 digest of each Python file of the product in the wheelhouse, by path."""
    (wheel,) = WHEELHOUSE.glob("secbeat-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        files = [name for name in opened.namelist() if name.endswith(".py")]
        return {name: hashlib.sha256(opened.read(name)).hexdigest() for name in files}


def raw(kind: str, run: Run) -> Path:
    """The image as a raw disk: a sparse copy, made once for a run."""
    source, target = image(kind), run.directory / f"{kind}.raw"
    if target.exists():
        return target
    if source.suffix == ".zst":
        run.commands.run("zstd", "--quiet", "--decompress", "--sparse", source, "-o", target)
    else:
        run.commands.run("qemu-img", "convert", "-O", "raw", source, target)
    return target


def _manifest() -> dict[str, Any]:
    assert MANIFEST.exists(), f"there is no {MANIFEST}: run 'make image' first"
    document: dict[str, Any] = json.loads(MANIFEST.read_text())
    return document
