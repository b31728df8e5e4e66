"""What is committed as generated is what the headers say, whatever compiler reads them."""

from __future__ import annotations

import ctypes
import dataclasses
import inspect
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dataplane.native import abi
from dataplane.native.abi_generator.c_text import c_source
from dataplane.native.abi_generator.layout import Kind, Layout, class_name
from dataplane.native.abi_generator.python_text import python_source
from dataplane.native.abi_generator.reading import read

ROOT = Path(__file__).resolve().parents[3]
FASTPATH = ROOT / "dataplane" / "fastpath"
COMPILERS = [name for name in ("gcc", "gcc-14", "clang") if shutil.which(name)]


def layout_by(compiler: str, build: Path) -> Layout:
    probe = build / "probe.o"
    command = ["make", "-s", "-C", str(FASTPATH), f"CC={compiler}", f"BUILD={build}", str(probe)]
    subprocess.run(command, check=True, timeout=120)
    return read(probe)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return layout_by("gcc", tmp_path_factory.mktemp("probe"))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_committed_files_are_up_to_date(compiler: str, tmp_path: Path) -> None:
    layout = layout_by(compiler, tmp_path)
    advice = "run `make -C dataplane/fastpath abi` and commit"
    assert python_source(layout) == (ROOT / "dataplane/native/abi.py").read_text(), advice
    assert c_source(layout) == (FASTPATH / "abi_layout.c").read_text(), advice


def test_ctypes_lays_everything_out_as_the_compiler_does(layout: Layout) -> None:
    for record in layout.structs:
        mirror = getattr(abi, class_name(record.name))
        assert ctypes.sizeof(mirror) == record.size, record.name
        for field in record.fields:
            descriptor = getattr(mirror, field.name)
            assert (descriptor.offset, descriptor.size) == (field.offset, field.kind.total)


def test_every_structure_of_the_header_is_there(layout: Layout) -> None:
    headers = [part.read_text() for part in (FASTPATH / "include/abi").glob("*.h")]
    declared = set(re.findall(r"^struct (sb_\w+) \{", "\n".join(headers), re.MULTILINE))
    assert {record.name for record in layout.structs} == declared
    classes = [value for _, value in inspect.getmembers(abi, inspect.isclass)]
    mirrors = [value for value in classes if issubclass(value, ctypes.Structure)]
    assert len(mirrors) == len(declared)


def test_the_hash_notices_every_kind_of_change(layout: Layout) -> None:
    struct, enum = layout.structs[0], layout.enums[1]
    field = struct.fields[0]
    changes = [
        dataclasses.replace(struct, size=struct.size + 8),
        dataclasses.replace(struct, name="sb_other"),
        *[
            dataclasses.replace(struct, fields=(changed, *struct.fields[1:]))
            for changed in (
                dataclasses.replace(field, offset=4),
                dataclasses.replace(field, name="other"),
                dataclasses.replace(field, kind=Kind("c_int32", 4)),
                dataclasses.replace(field, kind=Kind("c_uint32", 4, (2,))),
            )
        ],
    ]
    layouts = [dataclasses.replace(layout, structs=(c, *layout.structs[1:])) for c in changes]
    renumbered = dataclasses.replace(enum, members=((enum.members[0][0], 99), *enum.members[1:]))
    layouts.append(dataclasses.replace(layout, enums=(renumbered, *layout.enums[1:])))
    layouts.append(dataclasses.replace(layout, stats_magic=0))
    hashes = {changed.hash for changed in layouts}
    assert len(hashes) == len(layouts)
    assert layout.hash == abi.ABI_HASH
    assert layout.hash not in hashes


def test_a_header_changed_without_regenerating_does_not_compile(tmp_path: Path) -> None:
    shutil.copytree(FASTPATH / "include", tmp_path / "include")
    header = tmp_path / "include/abi/packet.h"
    header.write_text(header.read_text().replace("uint64_t rx_tsc;", "uint64_t rx_tsc, more;", 1))
    result = subprocess.run(
        ["gcc", f"-I{tmp_path}/include", "-c", "-o", "/dev/null", str(FASTPATH / "abi_layout.c")],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode != 0
    assert "make abi" in result.stderr


def test_enums_leave_their_counts_to_constants() -> None:
    assert len(abi.Reason) == abi.REASON_COUNT
    assert len(abi.Stage) == abi.STAGE_COUNT
    assert not hasattr(abi.Reason, "COUNT")
    assert set(abi.REASON_TEXT) == set(abi.Reason)
    assert set(abi.STAGE_TEXT) == set(abi.Stage)
    assert len(abi.LATENCY_BOUNDS_NS) == abi.LATENCY_BUCKETS - 1
    assert list(abi.LATENCY_BOUNDS_NS) == sorted(set(abi.LATENCY_BOUNDS_NS))
