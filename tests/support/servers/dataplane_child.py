"""Runs ``dataplane.run.process`` with settings that it reads as JSON from standard input."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dataplane.base.errors import SecBeatError
from dataplane.base.settings import DataplaneSettings, PortSettings
from dataplane.run.process import run


def main() -> int:
    """Returns the exit code of the process."""
    values = json.load(sys.stdin)
    settings = DataplaneSettings(
        outside=PortSettings(values.pop("outside")),
        inside=PortSettings(values.pop("inside")),
        state_log=Path(values.pop("state_log")),
        socket=Path(values.pop("socket")),
        client_users=(),
        rules_cache=Path(cache) if (cache := values.pop("rules_cache", None)) else None,
        **values,
    )
    try:
        return run(settings)
    except SecBeatError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
