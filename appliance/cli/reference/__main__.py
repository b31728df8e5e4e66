"""``python -m appliance.cli.reference DIRECTORY [--links DIRECTORY]``: installs man pages and
completion scripts.

A release has them in ``/opt/secbeat/share``, so that a rollback restores those of the earlier
release. ``/usr/share``, which man and the shells search, has links to them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from appliance.cli.reference.manual import SECTION, pages
from appliance.cli.reference.shells import SHELLS, Shell, script
from appliance.cli.reference.tree import PROGRAM, read_tree
from dataplane.base.version import version

PAGES = f"man/man{SECTION}"
SCRIPTS: dict[Shell, str] = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/vendor-completions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}


def files() -> dict[str, str]:
    """Text of each file, by its path below ``share``."""
    root = read_tree()
    found = {f"{PAGES}/{name}": text for name, text in pages(root, version()).items()}
    return found | {SCRIPTS[shell]: script(shell, root) for shell in SHELLS}


def install(directory: Path) -> list[str]:
    """Write all files; returns their paths below ``directory``."""
    found = files()
    for path, text in found.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
    return list(found)


def link(paths: Iterable[str], directory: Path, links: Path) -> None:
    """Make links from ``links`` to the files; remove dangling links of earlier pages."""
    for path in paths:
        place = links / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(directory.absolute() / path)
    for page in (links / PAGES).glob(f"{PROGRAM}*.{SECTION}"):
        if page.is_symlink() and not page.exists():
            page.unlink()


def main(arguments: Sequence[str] | None = None) -> None:
    """Install the files that the command line requests."""
    parser = argparse.ArgumentParser(prog="python -m appliance.cli.reference")
    parser.add_argument("directory", type=Path, metavar="DIRECTORY")
    parser.add_argument("--links", type=Path, metavar="DIRECTORY")
    options = parser.parse_args(arguments)
    paths = install(options.directory)
    if options.links:
        link(paths, options.directory, options.links)


if __name__ == "__main__":
    main()
