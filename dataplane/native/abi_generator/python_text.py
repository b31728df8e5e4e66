"""The text of ``abi.py``: constants, enums and structures for ctypes."""

from __future__ import annotations

from collections.abc import Iterator

from dataplane.native.abi_generator.layout import Enum, Kind, Layout, Struct, class_name, members_of

FLAGS = {"Degraded", "ExplainedFlag", "PacketFlag", "RulesState", "Sampled"}


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
