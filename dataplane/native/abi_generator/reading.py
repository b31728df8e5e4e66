"""Reads the layout from the DWARF and the data of the probe object."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from elftools.dwarf.die import DIE
from elftools.dwarf.lineprogram import LineProgram
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from dataplane.native.abi_generator.layout import Enum, Field, Kind, Layout, Struct, class_name

PACKAGE = Path(__file__).resolve().parents[2]
HEADER = PACKAGE / "fastpath/include/abi.h"
INTEGERS = {(1, False): "c_uint8", (2, False): "c_uint16", (4, False): "c_uint32"} | {
    (8, False): "c_uint64",
    (2, True): "c_int16",
    (4, True): "c_int32",
}


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
