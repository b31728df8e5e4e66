"""Writes the two generated files."""

from __future__ import annotations

import sys
from pathlib import Path

from dataplane.native.abi_generator.c_text import c_source
from dataplane.native.abi_generator.python_text import python_source
from dataplane.native.abi_generator.reading import PACKAGE, read


def main(arguments: list[str]) -> int:
    """Write both files; the only argument is the probe object."""
    layout = read(Path(arguments[0]))
    (PACKAGE / "native" / "abi.py").write_text(python_source(layout))
    (PACKAGE / "fastpath" / "abi_layout.c").write_text(c_source(layout))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
