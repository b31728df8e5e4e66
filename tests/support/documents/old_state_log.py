"""Converts a state log to the format of an earlier version."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from dataplane.statelog import sums

_DRAIN = rb',"drain":false'


def make_format_4(directory: Path) -> None:
    """Convert all files: format 4 had no drain."""
    _rewrite(directory, 4, _DRAIN)


def make_format_3(directory: Path) -> None:
    """Convert all files: format 3 had no overlays either."""
    _rewrite(directory, 3, rb',"overlays":\[\]|' + _DRAIN)


def make_format_2(directory: Path) -> None:
    """Convert all files: format 2 had no rules either."""
    _rewrite(directory, 2, rb',"overlays":\[\]|,"rules":0,"rules_at":\d+|' + _DRAIN)


def _rewrite(directory: Path, number: int, absent: bytes) -> None:
    """Remove the members that ``absent`` matches, and correct the checksums."""
    snapshot = b""
    for path in sorted(directory.glob("*.snapshot.ndjson")) + sorted(
        directory.glob("*.log.ndjson")
    ):
        lines = path.read_bytes().replace(b'"format":5', b'"format":%d' % number).splitlines()
        is_log = path.name.endswith(".log.ndjson")
        content, crc, shorter = b"", 0, 0
        for index, line in enumerate(lines):
            is_sealed = b',"crc32"' in line
            text = line.rpartition(b',"crc32"')[0] + b"}" if is_sealed else line
            text = re.sub(absent, b"", text)
            if index == 0:
                shorter = len(line) - len(text)
            if found := re.search(rb'"rules_at":(\d+)', text):
                text = text.replace(found[0], b'"rules_at":%d' % (int(found[1]) - shorter))
            if is_log and index == 0:
                text = re.sub(rb'"snapshot":"[0-9a-f]{8}"', b'"snapshot":"%s"' % snapshot, text)
            if is_sealed:
                sealed, crc = sums.seal(text, crc)
                content += sealed
            else:
                content, crc = content + text + b"\n", zlib.crc32(text + b"\n", crc)
        path.write_bytes(content)
        snapshot = b"" if is_log else sums.tail_sum(content[-sums.TAIL_BYTES :]).encode()


def make_format_1(directory: Path) -> None:
    """Convert all files: format 1 had no checksums in logs."""
    for path in directory.glob("*.ndjson"):
        lines = path.read_bytes().replace(b'"format":5', b'"format":1').splitlines()
        if path.name.endswith(".log.ndjson"):
            lines = [line.rpartition(b",")[0] + b"}" for line in lines]
        path.write_bytes(b"".join(line + b"\n" for line in lines))
