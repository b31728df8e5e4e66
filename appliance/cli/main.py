"""``secbeat``: the command for operators, and for the units of an appliance.

Exit codes are in ``appliance.cli.exits`` and ``docs/cli.md``.
"""
# ruff: noqa: PLC0415 - at boot `secbeat host` pays for no other command

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from appliance.cli.exits import Exit
from appliance.cli.terminal import standard_streams
from appliance.cli.words import with_json_last
from dataplane.base.errors import SecBeatError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends in SystemExit."""
    standard_streams.prepare()
    words = with_json_last(sys.argv[1:] if arguments is None else arguments)
    code = _code_of(lambda: _run(words))
    sys.exit(_code_of(sys.stdout.flush) or code)


def _run(words: Sequence[str]) -> None:
    if words[:1] == ["host"]:
        from appliance.cli.commands import host

        host.run(words[1:])
    else:
        from appliance.cli import app

        app.run(words)


def _code_of(run: Callable[[], object]) -> int:
    """The exit code; prints the message of an error."""
    try:
        run()
    except SecBeatError as error:
        for line in str(error).splitlines():
            print(f"secbeat: {line}", file=sys.stderr)
        return error.exit_code
    except SystemExit as end:
        return int(end.code or 0)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return 0


if __name__ == "__main__":
    main()
