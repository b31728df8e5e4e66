"""Starts processes of other users with the lab's launcher, because the tree may be in a home
directory that they can't read."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.lab.processes.launcher import Specification
from appliance.lab.processes.services import TREE, visible
from dataplane.native.library import ENVIRONMENT_VARIABLE


@dataclass(frozen=True)
class Confined:
    """The place where these processes see the source tree; ``directory`` is accessible to all and
    not below ``/tmp``."""

    directory: Path

    def __post_init__(self) -> None:
        for path in (self._tree, self._venv):
            path.mkdir()

    @property
    def _tree(self) -> Path:
        return self.directory / "tree"

    @property
    def _venv(self) -> Path:
        return self.directory / "venv"

    def start(self, user: str, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        """Run Python with these arguments as ``user``; ``options`` are Popen's."""
        python, binds = visible(self._tree, self._venv)
        specification = Specification(
            command=(str(python), *arguments),
            directory=str(self._tree),
            parent=os.getpid(),
            user=user,
            binds=binds,
        )
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(self._tree),
            "PYTHONDONTWRITEBYTECODE": "1",
            ENVIRONMENT_VARIABLE: str(self._tree / "build" / "libsecbeat-pipeline.so"),
        }
        launch = (
            sys.executable,
            "-m",
            "appliance.lab.processes.launcher",
            specification.to_argument(),
        )
        return subprocess.Popen(launch, cwd=TREE, env=environment, **options)
