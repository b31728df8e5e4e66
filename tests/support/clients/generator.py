"""A client that openapi-python-client generates from an OpenAPI document, in its own package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

PACKAGE = "generated_client"
_PACKAGES = Path(sysconfig.get_paths()["purelib"]).parents[2] / "generator"
"""The directory of the generator. Setup installs it separately, because it needs other versions of
some packages."""
_CONFIGURATION = {
    "post_hooks": [],
    "content_type_overrides": {  # the generator supports JSON, forms, and bytes
        "application/x-ndjson": "application/octet-stream",
        "application/x-pcapng": "application/octet-stream",
        "text/plain": "application/octet-stream",
    },
}


def generate(document: dict[str, Any], directory: Path) -> Path:
    """Generate the package below a directory. A part of the document that can't be used is an
    error.

    Returns the directory with the functions of the operations, one module for each.
    """
    assert _PACKAGES.is_dir(), f"{_PACKAGES} is missing: run 'make setup'"
    described, configuration = directory / "openapi.json", directory / "configuration.json"
    described.write_text(json.dumps(document))
    configuration.write_text(json.dumps(_CONFIGURATION))
    package = directory / PACKAGE
    where = ("--path", str(described), "--output-path", str(package), "--config")
    how = (str(configuration), "--meta", "none", "--fail-on-warning")
    _python(directory, "-m", "openapi_python_client", "generate", *where, *how)
    return package / "api" / "default"


def run(directory: Path, program: str, *arguments: str) -> Any:
    """Run a program that uses the package, and return its output, which must be JSON."""
    return json.loads(_python(directory, "-c", program, *arguments))


def _python(directory: Path, *arguments: str) -> str:
    bare = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=bare | {"PYTHONPATH": f"{_PACKAGES}{os.pathsep}{directory}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
