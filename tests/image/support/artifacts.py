"""What ``make image`` has left in build/image, by its manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from tests.image.support.run import Run
from tests.support.instances.lab import TREE

OUTPUT = TREE / "build" / "image"
MANIFEST = OUTPUT / "manifest.json"
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
