"""docs/detection.md says what the code does: types, fields, defaults, limits."""

from __future__ import annotations

import re
from pathlib import Path

from dataplane.native import abi
from dataplane.policy.rules.detection import DetectionRule

TEXT = (Path(__file__).parents[3] / "docs" / "detection.md").read_text(encoding="utf-8")


def rows(section: str) -> list[list[str]]:
    """The cells of a section's table."""
    part = TEXT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| `.*", part, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_type_has_its_row() -> None:
    found = [(kind.strip("`"), metric.strip("`"), text) for kind, metric, text in rows("Types")]
    assert found == [
        (attack.name.lower(), abi.ATTACK_METRIC[attack].name.lower(), abi.ATTACK_TEXT[attack])
        for attack in abi.Attack
    ]


def test_every_field_has_its_row_with_default_and_limit() -> None:
    fields = {
        name: field
        for name, field in DetectionRule.model_fields.items()
        if name not in {"type", "action"}
    }
    found = {cells[0].strip("`"): cells for cells in rows("Thresholds")}
    assert found.keys() == fields.keys()
    for name, field in fields.items():
        assert found[name][1].strip("`") == _text(field.default), name
        limits = {type(limit).__name__: limit for limit in field.metadata}
        if limits:
            least, most = limits["Ge"].ge, limits["Le"].le
            assert found[name][2] == f"{least:,} to {most:,}", name


def _text(default: object) -> str:
    return f"{default:,}" if isinstance(default, int | float) else str(default)
