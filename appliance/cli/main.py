"""``secbeat``: the command for operators, and for the units of an appliance.

Exit codes are in ``appliance.cli.exits`` and ``docs/cli.md``.
"""
# ruff: noqa: PLC0415 - at boot `secbeat host` pays for no other command

from __future__ import annotations

import sys
from collections.abc import Sequence

from appliance.cli.words import with_json_last
from dataplane.base.errors import SecBeatError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends in SystemExit."""
    words = with_json_last(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["host"]:
            from appliance.cli.commands import host

            host.run(words[1:])
        else:
            from appliance.cli import app

            app.run(words)
    except SecBeatError as error:
        for line in str(error).splitlines():
            print(f"secbeat: {line}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)


if __name__ == "__main__":
    main()
