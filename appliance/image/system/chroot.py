"""Runs commands in a Debian root, with /dev, /proc, /sys (read-only), /run and /tmp of its own.

The caller runs in a mount namespace of its own (``contain``), so a mount can't outlive the build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.image.system.command import Commands

_NODES = ("null", "zero", "full", "random", "urandom", "tty")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",  # noqa: S108 - the chroot's own, which ends with it
    "TMPDIR": "/tmp",  # noqa: S108
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


@dataclass(frozen=True)
class Chroot:
    """A root that is ready to run commands in."""

    path: Path
    commands: Commands

    def run(self, *command: str, env: Mapping[str, str] | None = None, cwd: str = "/") -> str:
        """Run a command inside; the environment is fixed but for what ``env`` adds."""
        variables = [f"{name}={value}" for name, value in {**_ENVIRONMENT, **(env or {})}.items()]
        # env --chdir: chroot itself leaves the folder at /.
        inside = ["env", "--ignore-environment", f"--chdir={cwd}", *variables, *command]
        return self.commands.run("chroot", self.path, *inside)


@contextmanager
def entered(
    root: Path,
    commands: Commands,
    *,
    devices: Sequence[str] = (),
    folders: Mapping[str, Path] | None = None,
) -> Iterator[Chroot]:
    """Mount what programs expect, ``devices`` of /dev, and ``folders`` (inside: outside)."""
    with ExitStack() as stack:
        for kind, name, options in (
            ("proc", "proc", "nosuid,nodev,noexec"),
            ("sysfs", "sys", "ro,nosuid,nodev,noexec"),
            ("tmpfs", "dev", "mode=755,nosuid"),
            ("tmpfs", "run", "mode=755,nosuid,nodev"),
            ("tmpfs", "tmp", "mode=1777,nosuid,nodev"),
        ):
            _mount(stack, commands, root / name, "-t", kind, "-o", options, kind)
        for name in (*_NODES, *devices):
            (root / "dev" / name).touch()
            _mount(stack, commands, root / "dev" / name, "--bind", f"/dev/{name}")
        _small_devices(stack, commands, root)
        for inside, outside in (folders or {}).items():
            place = root / inside.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            _mount(stack, commands, place, "--bind", str(outside))
        yield Chroot(root, commands)


def _small_devices(stack: ExitStack, commands: Commands, root: Path) -> None:
    for name, kind, options in (
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5"),
        ("shm", "tmpfs", "mode=1777,nosuid,nodev"),
    ):
        place = root / "dev" / name
        place.mkdir()
        _mount(stack, commands, place, "-t", kind, "-o", options, kind)
    (root / "dev" / "ptmx").symlink_to("pts/ptmx")
    (root / "dev" / "fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (root / "dev" / name).symlink_to(f"/proc/self/fd/{number}")


def _mount(stack: ExitStack, commands: Commands, place: Path, *arguments: str) -> None:
    commands.run("mount", *arguments, place)
    stack.callback(commands.run, "umount", "--lazy", place)


@contextmanager
def overlay(lower: Path, scratch: Path, commands: Commands) -> Iterator[Path]:
    """``lower`` with all changes going to ``scratch``; yields the path of the merged folder."""
    names = ("upper", "overlay", "merged")
    for name in names:
        (scratch / name).mkdir(parents=True)
    upper, overlay_work, merged = (scratch / name for name in names)
    options = f"lowerdir={lower},upperdir={upper},workdir={overlay_work}"
    with ExitStack() as stack:
        _mount(stack, commands, merged, "-t", "overlay", "-o", options, "overlay")
        yield merged
