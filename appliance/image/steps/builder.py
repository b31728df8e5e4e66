"""The builder root, Debian 13 with gcc and DPDK: the parts of the image are made and tested here.

Only the wheelhouse goes into the image: the run-time wheels of the lock, the project's own wheel
with libsecbeat in it, ``requirements.txt``, which pins them all by hash, and the country database.
It works at native speed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from appliance.image import inputs
from appliance.image.context import Context
from appliance.image.options import Options
from appliance.image.progress import say, step
from appliance.image.system import debian
from appliance.image.system.chroot import Chroot, entered, overlay

AGE_MAX_DAYS = 30
TIERS = ("unit", "native")
TESTED, UNTESTED = "wheelhouse", "untested"
"""Kinds of entries in the cache."""
REQUIREMENTS = "requirements.txt"
LIBRARY = "libsecbeat.so"
COUNTRIES = "countries.db"
_HERE = Path(__file__).parent
_PACKAGES = _HERE / "builder-packages.txt"
_TOOLS = Path("appliance/setup/tools.lock")
_GEOIP = "tor-geoipdb"
_TREE = "/build/tree"
_VENV = "/build/venv"
_DOWNLOADS = "/build/downloads"
_PYTHON = f"{_VENV}/bin/python"
_PIP = (
    *(
        _PYTHON,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        f"--cache-dir={_DOWNLOADS}/pip",
    ),
    "--quiet",
)
_HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def builder_root(context: Context) -> Path:
    """The root's folder, from the cache or new."""
    options, cache = context.options, context.cache
    key = inputs.key(*_make_command(Path("root"), options))
    found = None if options.refresh else cache.find("builder", key, AGE_MAX_DAYS)
    if found:
        say(f"builder root: kept as {found.name}")
        return found / "root"
    with step(f"builder root (Debian {debian.SUITE}, gcc, DPDK)"):
        return cache.make("builder", key, lambda made: _make_root(made, context)) / "root"


def _make_command(root: Path, options: Options) -> list[str]:
    source_lines = debian.sources(options.mirror, options.security_mirror)
    return debian.mmdebstrap(root, debian.packages_in(_PACKAGES), source_lines)


def _make_root(made: Path, context: Context) -> None:
    root = made / "root"
    context.commands.run(*_make_command(root, context.options))
    with entered(root, context.commands) as chroot:
        for user in ("secbeat", "secbeat-dp"):
            chroot.run("useradd", "--system", "--user-group", "--no-create-home", user)


def wheelhouse(context: Context, *, tested: bool = True) -> Path:
    """The folder of wheels and ``requirements.txt``, from the cache or new, tested in the builder
    root.

    Without ``tested`` the tests in the builder root are skipped, if they have not run yet.
    """
    key = inputs.key(*_made_from(context.layout.tree))
    for kind in (TESTED,) if tested else (TESTED, UNTESTED):
        found = None if context.options.refresh else context.cache.find(kind, key)
        if found:
            say(f"libsecbeat and wheels: kept as {found.name}")
            return found
    root, tiers = builder_root(context), TIERS if tested else ()
    kind = TESTED if tested else UNTESTED
    return context.cache.make(kind, key, lambda made: _make_wheelhouse(made, root, tiers, context))


def _make_wheelhouse(made: Path, root: Path, tiers: Sequence[str], context: Context) -> None:
    layout, commands = context.layout, context.commands
    scratch = layout.work / "builder"
    downloads = layout.cache / "downloads"
    downloads.mkdir(exist_ok=True)
    with (
        overlay(root, scratch, commands) as merged,
        entered(merged, commands, folders={_DOWNLOADS: downloads}) as chroot,
    ):
        _give_network(merged)
        _copy_tree(layout.tree, merged / "build" / "tree")
        with step("environment from requirements.lock, by hash"):
            _make_environment(chroot)
        with step("libsecbeat, against Debian 13's DPDK"):
            chroot.run("make", "-C", "dataplane/fastpath", cwd=_TREE)
        if tiers:
            with step(f"tests in the builder root: {', '.join(tiers)}"):
                chroot.run(_PYTHON, "tests/run.py", *tiers, cwd=_TREE)
        with step("wheels"):
            _make_wheels(chroot)
        with step("country database, of Debian's tor-geoipdb"):
            _make_countries(chroot)
        shutil.copytree(merged / "build" / "wheels", made, dirs_exist_ok=True)
    shutil.rmtree(scratch)


def _give_network(root: Path) -> None:
    """Copy the host's name resolution and CAs, with a proxy's certificate; the overlay is discarded
    later."""
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    shutil.copyfile(_HOST_CERTIFICATES, root / str(_HOST_CERTIFICATES).lstrip("/"))


def _made_from(tree: Path) -> list[Path]:
    """The inputs of the wheel: its content, its tests, its build; other files of the tree do not
    count."""
    appliance = (file.parent for file in (tree / "appliance").glob("*/__init__.py"))
    return [
        *(tree / name for name in ("dataplane", "api", "pyproject.toml", "requirements.lock")),
        *sorted(folder for folder in appliance if folder != _HERE.parent),
        *(tree / "playbooks" / name for name in ("scale.yml", "roles/scale")),
        *(tree / "tests" / name for name in ("unit", "native", "support", "run.py")),
        *inputs.modules("steps/builder", "steps/lockfile"),
        *(_PACKAGES, tree / _TOOLS),
    ]


def _copy_tree(tree: Path, target: Path) -> None:
    """Copy the sources, without build results, history and environments."""
    everywhere = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache", ".hypothesis")

    def ignored(folder: str, names: list[str]) -> set[str]:
        at_the_top = {"build", ".git", ".venv"} if Path(folder) == tree else set()
        return everywhere(folder, names) | at_the_top

    shutil.copytree(tree, target, ignore=ignored, symlinks=True)


def _make_environment(chroot: Chroot) -> None:
    chroot.run("python3", "-m", "venv", _VENV)
    locked = ("--require-hashes", "--only-binary", ":all:")
    _pip(chroot, "install", *locked, "-r", str(_TOOLS), env=_registry())
    chroot.run(
        *(_PYTHON, "-m", "uv", "pip", "sync", "-q", "--python", _PYTHON, "--require-hashes"),
        *("requirements.lock", str(_TOOLS)),
        env={"UV_CACHE_DIR": f"{_DOWNLOADS}/uv", "UV_LINK_MODE": "copy", **_registry()},
        cwd=_TREE,
    )
    _pip(chroot, "install", "--no-deps", "--no-build-isolation", "--editable", ".")


def _make_wheels(chroot: Chroot) -> None:
    # The library travels in the wheel as package data, which makes it one for this platform.
    chroot.run("cp", f"build/{LIBRARY}", f"dataplane/{LIBRARY}", cwd=_TREE)
    settings = "--config-settings=--build-option=--plat-name=linux_x86_64"
    target = "/build/wheels"
    _pip(chroot, "wheel", "--no-deps", "--no-build-isolation", settings, "-w", target, ".")
    own = next((chroot.path / "build" / "wheels").glob("secbeat-*.whl"))
    lockfile = "appliance.image.steps.lockfile"
    locked = chroot.run(_PYTHON, "-m", lockfile, "requirements.lock", cwd=_TREE)
    requirements = chroot.path / "build" / "wheels" / REQUIREMENTS
    requirements.write_text(locked)
    wanted = ("--require-hashes", "--only-binary", ":all:", "--no-deps")
    source = ("-r", f"{target}/{REQUIREMENTS}")
    _pip(chroot, "download", *wanted, "-d", target, *source, env=_registry())
    requirements.write_text(locked + own_requirement(own))


def _make_countries(chroot: Chroot) -> None:
    """From the package's files only: the package depends on a tor daemon."""
    chroot.run("apt-get", "update", "-q")
    chroot.run("apt-get", "download", "-q", _GEOIP, cwd="/build")
    chroot.run("sh", "-c", f"dpkg-deb --extract {_GEOIP}_*.deb geoip", cwd="/build")
    files = (f"/build/geoip/usr/share/tor/{name}" for name in ("geoip", "geoip6"))
    secbeat = (_PYTHON, "-m", "appliance.cli.main")
    chroot.run(
        *(*secbeat, "countries", "build", "--tor", *files, "--file", f"/build/wheels/{COUNTRIES}"),
        cwd=_TREE,
    )


def own_requirement(wheel: Path) -> str:
    """The line that pins the project's own wheel by version and hash."""
    name, version = wheel.name.split("-")[:2]
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


def _pip(chroot: Chroot, *arguments: str, env: dict[str, str] | None = None) -> None:
    chroot.run(*_PIP, *arguments, env=env, cwd=_TREE)


def _registry() -> dict[str, str]:
    """The access to the registry: with the host's CAs, through its proxies."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    proxies = {name: os.environ[name] for name in names if name in os.environ}
    certificates = str(_HOST_CERTIFICATES)
    return {"PIP_CERT": certificates, "SSL_CERT_FILE": certificates, **proxies}
