"""``python -m appliance.image``: build the image, or the release as wheels alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.image import options as given
from appliance.image.errors import ImageError
from appliance.image.options import Layout, Options
from appliance.image.system.accelerator import CHOICES
from appliance.image.system.contain import run_contained
from dataplane.base.errors import SecBeatError

_INSIDE = "--inside"


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    options = Options(
        cache=parsed.cache.resolve(),
        accelerator=parsed.accelerator,
        metal=parsed.metal,
        refresh=parsed.refresh,
        mirror=parsed.mirror,
        security_mirror=parsed.security_mirror,
        memory_mib=parsed.memory_mib,
        cpus=parsed.cpus,
    )
    layout = Layout(given.TREE, options.cache)
    try:
        if not parsed.inside:
            _require_root()
            command = [sys.executable, "-m", "appliance.image", *arguments, _INSIDE]
            return run_contained(command, layout.cache, layout.work)
        _build(parsed, options, layout)
    except SecBeatError as error:
        print(f"image: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _build(parsed: argparse.Namespace, options: Options, layout: Layout) -> None:
    # The inner process alone needs them.
    from appliance.image.build import build  # noqa: PLC0415
    from appliance.image.wheels import build_wheels  # noqa: PLC0415

    if parsed.command == "wheels":
        build_wheels(options, layout, tested=parsed.tested)
    else:
        build(options, layout)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise ImageError(
            "building mounts file systems and makes namespaces: run as root, or by sudo"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m appliance.image", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build the image in build/image")
    wheels = commands.add_parser("wheels", help="make the release as wheels in build/wheelhouse")
    for command in (build, wheels):
        _add_common(command)
    wheels.set_defaults(metal=False, accelerator="auto", memory_mib=0, cpus=0)
    wheels.add_argument(
        "--untested", dest="tested", action="store_false", help="skip the tests of the release"
    )
    build.add_argument(
        "--metal",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also build the raw image for bare metal (default: yes)",
    )
    build.add_argument(
        "--accelerator",
        choices=CHOICES,
        default="auto",
        help="accelerator of the machine; auto: KVM if a kernel boots under it, else emulation",
    )
    build.add_argument(
        "--memory-mib",
        type=int,
        default=2048,
        metavar="N",
        help="memory of the machine during the build (default: %(default)s)",
    )
    build.add_argument(
        "--cpus", type=int, default=2, metavar="N", help="CPUs of it (default: %(default)s)"
    )
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cache",
        type=Path,
        default=given.default_cache(),
        metavar="FOLDER",
        help="cache of the builds (default: %(default)s)",
    )
    command.add_argument("--refresh", action="store_true", help="use nothing from the cache")
    command.add_argument(
        "--mirror",
        default=given.MIRROR,
        metavar="URL",
        help="package mirror (default: %(default)s)",
    )
    command.add_argument(
        "--security-mirror",
        default=given.SECURITY_MIRROR,
        metavar="URL",
        help="mirror of security updates (default: %(default)s)",
    )
    command.add_argument(_INSIDE, action="store_true", help=argparse.SUPPRESS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
