"""Generates ``abi.py`` beside it and ``fastpath/abi_layout.c`` from the DWARF of a probe object.

``make -C dataplane/fastpath abi`` compiles ``probe.c`` and runs this program. The layout hash is
the SHA-256 of a canonical description of all structures (names, sizes, offsets, types), enums and
constants. Both files contain it, so that a library and a Python module from different headers are
detected. ``abi_layout.c`` checks the description with static assertions: after a change of a header
without regeneration it does not compile. The product contains the two generated files only.
"""

from __future__ import annotations

import hashlib
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.dwarf.die import DIE
from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

PACKAGE = Path(__file__).resolve().parents[1]
HEADER = PACKAGE / "fastpath/include/abi.h"
FLAGS = {"Degraded", "ExplainedFlag", "PacketFlag", "RulesState", "Sampled"}
RENAMED = {"list": "ListKind"}
INTEGERS = {(1, False): "c_uint8", (2, False): "c_uint16", (4, False): "c_uint32"} | {
    (8, False): "c_uint64",
    (2, True): "c_int16",
    (4, True): "c_int32",
}


@dataclass(frozen=True)
class Kind:
    """Type of a field: an integer or structure by its ctypes name, in arrays of ``counts``."""

    base: str
    size: int
    """Size of one element in bytes."""
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """Bytes of the whole field."""
        size = self.size
        for count in self.counts:
            size *= count
        return size


@dataclass(frozen=True)
class Field:
    """A member of a structure."""

    name: str
    offset: int
    kind: Kind


@dataclass(frozen=True)
class Struct:
    """A structure; ``name`` as in C."""

    name: str
    size: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Enum:
    """An enum; ``name`` as in C, empty for the anonymous one that holds constants."""

    name: str
    members: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Layout:
    """The content of the probe object."""

    structs: tuple[Struct, ...]
    enums: tuple[Enum, ...]
    stats_magic: int
    latency_bounds_ns: tuple[int, ...]
    reason_text: tuple[str, ...]
    reason_stage: tuple[int, ...]
    reason_modes: tuple[int, ...]
    """Bit m of each reason stands for mode m."""
    reason_default: tuple[int, ...]
    stage_text: tuple[str, ...]
    attack_text: tuple[str, ...]
    attack_metric: tuple[int, ...]
    """The ``enum sb_metric`` of each attack."""

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical description, in hex."""
        return hashlib.sha256("\n".join(describe(self)).encode()).hexdigest()


def main(arguments: list[str]) -> int:
    """Write both files beside this one; the only argument is the probe object."""
    layout = read(Path(arguments[0]))
    (PACKAGE / "native" / "abi.py").write_text(python_source(layout))
    (PACKAGE / "fastpath" / "abi_layout.c").write_text(c_source(layout))
    return 0


def describe(layout: Layout) -> Iterator[str]:
    """The canonical description, line by line."""
    for record in layout.structs:
        yield f"struct {record.name} {record.size}"
        for field in record.fields:
            yield f"  {field.name} {field.offset} {field.kind.base} {field.kind.counts}"
    for enum in layout.enums:
        yield f"enum {enum.name}"
        yield from (f"  {name} {value}" for name, value in enum.members)
    yield f"stats_magic {layout.stats_magic}"
    yield f"latency_bounds_ns {layout.latency_bounds_ns}"
    yield f"reason_stage {layout.reason_stage}"
    yield f"reason_modes {layout.reason_modes}"
    yield f"reason_default {layout.reason_default}"
    yield f"attack_metric {layout.attack_metric}"


# --- reading --------------------------------------------------------------------------------------


def read(path: Path) -> Layout:
    """Read a probe object; raises ValueError for a type that the generator does not support."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        if not elf.has_dwarf_info(strict=True):
            raise ValueError(f"{path} has no DWARF: compile it with -g")
        dwarf = elf.get_dwarf_info()
        unit = next(dwarf.iter_CUs())
        lines = dwarf.line_program_for_CU(unit)
        if lines is None:
            raise ValueError(f"{path} has no line table: compile it with -g")
        headers = _headers(lines)
        ours = filter(_is_ours, unit.get_top_DIE().iter_children())
        dies = sorted(ours, key=lambda die: _position(die, headers))
        bounds = _bytes_of(elf, "sb_probe_latency_bounds_ns")
        return Layout(
            structs=tuple(_struct(die) for die in dies if die.tag == "DW_TAG_structure_type"),
            enums=tuple(_enum(die) for die in dies if die.tag == "DW_TAG_enumeration_type"),
            stats_magic=struct.unpack("<Q", _bytes_of(elf, "sb_probe_stats_magic"))[0],
            latency_bounds_ns=struct.unpack(f"<{len(bounds) // 8}Q", bounds),
            reason_text=_texts(_bytes_of(elf, "sb_probe_reason_text")),
            reason_stage=tuple(_bytes_of(elf, "sb_probe_reason_stage")),
            reason_modes=tuple(_bytes_of(elf, "sb_probe_reason_modes")),
            reason_default=tuple(_bytes_of(elf, "sb_probe_reason_default")),
            stage_text=_texts(_bytes_of(elf, "sb_probe_stage_text")),
            attack_text=_texts(_bytes_of(elf, "sb_probe_attack_text")),
            attack_metric=tuple(_bytes_of(elf, "sb_probe_attack_metric")),
        )


def _is_ours(die: DIE) -> bool:
    if die.tag == "DW_TAG_enumeration_type":
        return all(_name(child).startswith("SB_") for child in die.iter_children())
    return die.tag == "DW_TAG_structure_type" and _name(die).startswith("sb_")


def _headers(program: LineProgram) -> dict[int, int]:
    """The headers that ``abi.h`` includes, by the file's number: DWARF 4, 6.2.4, from 1."""
    order = re.findall(r'^#include "abi/(\w+\.h)"', HEADER.read_text(), re.MULTILINE)
    names = [entry.name.decode() for entry in program.header.file_entry]
    return {number: order.index(name) for number, name in enumerate(names, 1) if name in order}


def _position(die: DIE, headers: dict[int, int]) -> tuple[int, int]:
    # Compilers emit types in different orders; the order of the headers is fixed.
    header = headers[die.attributes["DW_AT_decl_file"].value]
    return header, int(die.attributes["DW_AT_decl_line"].value)


def _name(die: DIE) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value.decode() if attribute else ""


def _struct(die: DIE) -> Struct:
    fields = tuple(
        Field(
            _name(member),
            int(member.attributes["DW_AT_data_member_location"].value),
            _kind(member.get_DIE_from_attribute("DW_AT_type")),
        )
        for member in die.iter_children()
    )
    return Struct(_name(die), int(die.attributes["DW_AT_byte_size"].value), fields)


def _kind(die: DIE) -> Kind:
    if die.tag in {"DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type"}:
        return _kind(die.get_DIE_from_attribute("DW_AT_type"))
    if die.tag == "DW_TAG_array_type":
        element = _kind(die.get_DIE_from_attribute("DW_AT_type"))
        counts = tuple(_count(child) for child in die.iter_children())
        return Kind(element.base, element.size, counts + element.counts)
    size = int(die.attributes["DW_AT_byte_size"].value)
    if die.tag == "DW_TAG_structure_type":
        return Kind(class_name(_name(die)), size)
    if die.tag == "DW_TAG_base_type":
        signed = die.attributes["DW_AT_encoding"].value in {5, 6}  # DW_ATE_signed, signed_char
        return Kind(INTEGERS[size, signed], size)
    raise ValueError(f"{die.tag} {_name(die)!r} has no place in abi.h")


def _count(subrange: DIE) -> int:
    if "DW_AT_count" in subrange.attributes:  # clang
        return int(subrange.attributes["DW_AT_count"].value)
    return int(subrange.attributes["DW_AT_upper_bound"].value) + 1


def _enum(die: DIE) -> Enum:
    members = tuple(
        (_name(child), int(child.attributes["DW_AT_const_value"].value))
        for child in die.iter_children()
    )
    return Enum(_name(die), members)


def _bytes_of(elf: ELFFile, symbol_name: str) -> bytes:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise TypeError(f"no symbol table to look up {symbol_name} in")
    symbols = table.get_symbol_by_name(symbol_name)
    if not symbols:
        raise ValueError(f"no symbol {symbol_name}: is this compiled from probe.c?")
    symbol = symbols[0]
    section = elf.get_section(symbol["st_shndx"])
    start = symbol["st_value"]
    return bytes(section.data()[start : start + symbol["st_size"]])


def _texts(data: bytes) -> tuple[str, ...]:
    return tuple(part.decode() for part in data.split(b"\0") if part)


# --- writing --------------------------------------------------------------------------------------


def class_name(c_name: str) -> str:
    """``sb_drop_sample`` -> ``DropSample``."""
    plain = c_name.removeprefix("sb_")
    return RENAMED.get(plain) or "".join(word.capitalize() for word in plain.split("_"))


def members_of(enum: Enum) -> list[tuple[str, int]]:
    """Members without their prefix and without the trailing COUNT."""
    prefix = f"SB_{enum.name.removeprefix('sb_').upper()}_"
    if not all(name.startswith(prefix) for name, _ in enum.members):
        prefix = re.sub(r"[A-Z]+_$", "", prefix)  # sb_packet_flag: SB_PACKET_
    short = [(name.removeprefix(prefix), value) for name, value in enum.members]
    return [(name, value) for name, value in short if name != "COUNT"]


def python_source(layout: Layout) -> str:
    """The text of ``abi.py``."""
    lines = [
        '"""Structures, enums and constants; generated from ``fastpath/include/abi.h``.',
        "",
        "Do not edit: change the header, then ``make -C dataplane/fastpath abi``.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "import ctypes",
        "import enum",
        "",
        f'ABI_HASH = "{layout.hash}"',
        "",
        *_constants(layout),
    ]
    for named in layout.enums:
        if named.name:
            lines += ["", "", *_enum_class(named)]
    for record in layout.structs:
        lines += ["", "", *_struct_class(record)]
    lines += ["", "", *_text_map("REASON_TEXT", "Reason", layout, layout.reason_text)]
    lines += ["", *_text_map("STAGE_TEXT", "Stage", layout, layout.stage_text)]
    lines += ["", *_reason_maps(layout)]
    lines += ["", *_text_map("ATTACK_TEXT", "Attack", layout, layout.attack_text)]
    lines += ["", *_attack_metrics(layout)]
    return "\n".join(lines) + "\n"


def _constants(layout: Layout) -> Iterator[str]:
    for one in layout.enums:
        for name, value in one.members:
            if not one.name or name.endswith("_COUNT"):
                yield f"{name.removeprefix('SB_')} = {value}"
    yield f"STATS_MAGIC = {layout.stats_magic:#x}"
    yield ""
    yield "LATENCY_BOUNDS_NS: tuple[int, ...] = ("
    yield from (f"    {bound:_}," for bound in layout.latency_bounds_ns)
    yield ")"


def _enum_class(one: Enum) -> Iterator[str]:
    name = class_name(one.name)
    yield f"class {name}(enum.{'IntFlag' if name in FLAGS else 'IntEnum'}):"
    yield f'    """enum {one.name}."""'
    yield ""
    yield from (f"    {member} = {value}" for member, value in members_of(one))


def _struct_class(record: Struct) -> Iterator[str]:
    yield f"class {class_name(record.name)}(ctypes.Structure):"
    yield f'    """struct {record.name}: {record.size} bytes."""'
    yield ""
    yield from (f"    {field.name}: {_annotation(field.kind)}" for field in record.fields)
    yield ""
    yield "    _fields_ = ["
    end = 0
    for field in record.fields:
        yield from _padding(end, field.offset)
        yield f'        ("{field.name}", {_expression(field.kind)}),  # {field.offset}'
        end = field.offset + field.kind.total
    yield from _padding(end, record.size)
    yield "    ]"


def _padding(start: int, end: int) -> Iterator[str]:
    # Explicit, so that ctypes' own alignment has no effect.
    if end > start:
        yield f'        ("_padding_{start}", ctypes.c_uint8 * {end - start}),  # {start}'


def _annotation(kind: Kind) -> str:
    element = f"ctypes.{kind.base}" if kind.base.startswith("c_") else kind.base
    if not kind.counts:
        return "int" if kind.base.startswith("c_") else element
    for _ in kind.counts:
        element = f"ctypes.Array[{element}]"
    return element


def _expression(kind: Kind) -> str:
    text = f"ctypes.{kind.base}" if kind.base.startswith("c_") else kind.base
    for depth, count in enumerate(reversed(kind.counts)):
        text = f"({text}) * {count}" if depth else f"{text} * {count}"
    return text


def _text_map(name: str, enum_name: str, layout: Layout, texts: tuple[str, ...]) -> Iterator[str]:
    (one,) = (one for one in layout.enums if one.name and class_name(one.name) == enum_name)
    yield f"{name}: dict[{enum_name}, str] = {{"
    for (member, _), text in zip(members_of(one), texts, strict=True):
        yield f'    {enum_name}.{member}: "{text}",'
    yield "}"


def _reason_maps(layout: Layout) -> Iterator[str]:
    """The values that ``reasons.def`` defines for each reason, so that they are defined once."""
    reasons, stages, modes = (
        members_of(one)
        for name in ("sb_reason", "sb_stage", "sb_mode")
        for one in layout.enums
        if one.name == name
    )
    yield "REASON_STAGE: dict[Reason, Stage] = {"
    for (reason, _), stage in zip(reasons, layout.reason_stage, strict=True):
        yield f"    Reason.{reason}: Stage.{stages[stage][0]},"
    yield "}"
    yield ""
    yield "REASON_MODES: dict[Reason, tuple[Mode, ...]] = {"
    for (reason, _), allowed in zip(reasons, layout.reason_modes, strict=True):
        names = [f"Mode.{name}" for name, value in modes if allowed >> value & 1]
        yield f"    Reason.{reason}: ({', '.join(names)}{',' * (len(names) == 1)}),"
    yield "}"
    yield ""
    yield "REASON_DEFAULT: dict[Reason, Mode] = {"
    for (reason, _), standard in zip(reasons, layout.reason_default, strict=True):
        yield f"    Reason.{reason}: Mode.{modes[standard][0]},"
    yield "}"


def _attack_metrics(layout: Layout) -> Iterator[str]:
    attacks, metrics = (
        members_of(one)
        for name in ("sb_attack", "sb_metric")
        for one in layout.enums
        if one.name == name
    )
    yield "ATTACK_METRIC: dict[Attack, Metric] = {"
    for (attack, _), metric in zip(attacks, layout.attack_metric, strict=True):
        yield f"    Attack.{attack}: Metric.{metrics[metric][0]},"
    yield "}"


def c_source(layout: Layout) -> str:
    """The text of ``abi_layout.c``."""
    lines = [
        "/* Generated by dataplane/native/abi_generator.py.",
        " *",
        " * An assertion that fails here says: abi.h has changed, run `make abi`. */",
        "#include <stddef.h>",
        "",
        '#include "abi.h"',
        "",
        "extern const char sb_abi_hash[];",
        f'const char sb_abi_hash[] = "{layout.hash}";',
    ]
    for record in layout.structs:
        lines += ["", f'_Static_assert(sizeof(struct {record.name}) == {record.size}, "make abi");']
        lines += [
            f'_Static_assert(offsetof(struct {record.name}, {f.name}) == {f.offset}, "make abi");'
            for f in record.fields
        ]
    for one in layout.enums:
        lines.append("")
        lines += [f'_Static_assert({name} == {value}, "make abi");' for name, value in one.members]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
