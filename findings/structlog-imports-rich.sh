#!/usr/bin/env bash
# structlog 26.1.0 beside rich 15.0.0: a process that only writes JSON lines pays for drawing tracebacks on a terminal.
#
# A good guess: structlog imports what its configured renderer needs. Seen: importing structlog imports structlog.dev, and that imports
# rich where rich is installed, with dozens of modules and megabytes of memory, whatever is configured. SecBeat's agent therefore imports
# structlog while rich seems not to be installed (dataplane/base/lean.py).
#
# Runs without SecBeat, in a temporary folder, for a few seconds. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check structlog==26.1.0 rich==15.0.0
"$folder/venv/bin/python" - <<'END'
import subprocess
import sys

LOOK = """
import sys
if sys.argv[1] == "without":
    sys.modules["rich"] = None
import structlog
structlog.configure(processors=[structlog.processors.JSONRenderer()])
of_rich = [name for name, module in sys.modules.items() if name.split(".")[0] == "rich" and module]
resident = int(open("/proc/self/statm").read().split()[1]) * 4
print(len(of_rich), resident)
"""


def look(how: str) -> tuple[int, int]:
    command = [sys.executable, "-c", LOOK, how]
    modules, kib = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(modules), int(kib)


(modules, kib), (no_modules, less_kib) = look("with"), look("without")
print(f"rich installed: {modules} of its modules are loaded, {kib} KiB resident")
print(f"rich hidden: {no_modules} modules, {less_kib} KiB resident")
sys.exit(not (modules > 10 and no_modules == 0 and kib - less_kib > 1024))
END
