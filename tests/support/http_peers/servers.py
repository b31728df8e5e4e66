"""Real servers on ports of the origin, each with a log of the requests that it has read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.instances.lab import TREE, Lab, run
from tests.support.waiting import wait_for

PORTS = {"nginx": 8080, "apache": 8081, "gunicorn": 8082, "haproxy": 8083}
"""HAProxy forwards to nginx."""
_UNSERVED = ("0", "400|", "408|", "417|", "499|")
_MODULES = Path("/usr/lib/apache2/modules")
_NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.error;
events {{ worker_connections 1024; }}
http {{
  log_format seen escape=json '$status|$request|$host|$http_x_probe|$request_body';
  access_log {folder}/nginx.log seen;
  keepalive_requests 1000000; large_client_header_buffers 8 64k;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 8080; listen [::]:8080; root {site}; error_page 405 =200 /index.html;
    underscores_in_headers on; }}
}}
"""
_APACHE = """\
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ServerName lab
Listen 8081
User www-data
Group www-data
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
KeepAlive On
MaxKeepAliveRequests 0
DocumentRoot {site}
DirectoryIndex index.html
ErrorLog {folder}/apache.error
LogFormat "%>s|%r|%{{Host}}i|%{{X-Probe}}i" seen
CustomLog {folder}/apache.log seen
"""
_HAPROXY = """\
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend outside
  bind :::8083 v4v6
  default_backend inside
backend inside
  server nginx 127.0.0.1:8080
"""


@dataclass(frozen=True)
class Servers:
    """The running servers of `PORTS`."""

    folder: Path

    def seen(self, name: str) -> str:
        """The requests that it has read so far, without those that it has refused itself or that
        were not complete. For nginx, this includes requests through HAProxy."""
        file = self.folder / f"{'nginx' if name == 'haproxy' else name}.log"
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        return "\n".join(line for line in lines if not line.startswith(_UNSERVED))

    def all_seen(self) -> str:
        """The requests that any of them has read."""
        return "".join(self.seen(name) for name in PORTS)


@contextmanager
def servers(lab: Lab, folder: Path) -> Iterator[Servers]:
    """Run all servers during the block."""
    folder.chmod(0o755)
    with ExitStack() as stack:
        for name, command in _commands(lab, folder).items():
            stack.enter_context(_running(lab, folder, name, command))
        wait_for(lambda: all(_listens(lab, port) for port in PORTS.values()), "all servers listen")
        yield Servers(folder)


def _commands(lab: Lab, folder: Path) -> dict[str, list[str]]:
    site = lab.instance.site
    for name, text in (("nginx", _NGINX), ("apache", _APACHE), ("haproxy", _HAPROXY)):
        filled = text.format(folder=folder, site=site, modules=_MODULES)
        (folder / f"{name}.conf").write_text(filled)
    limits = ["--limit-request-line", "8190", "--limit-request-field_size", "8190"]
    gunicorn = [
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "--bind",
        f"[::]:{PORTS['gunicorn']}",
    ]
    return {
        "nginx": [_program("nginx"), "-c", str(folder / "nginx.conf")],
        # -X: one process, which ends on a signal.
        "apache": [_program("apache2"), "-X", "-f", str(folder / "apache.conf")],
        "gunicorn": [
            *(sys.executable, "-m", "gunicorn", *gunicorn, *limits),
            *(
                "--keep-alive",
                "5",
                "--graceful-timeout",
                "1",
                "tests.support.http_peers.echo:application",
            ),
        ],
        "haproxy": [_program("haproxy"), "-db", "-f", str(folder / "haproxy.conf")],
    }


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is not installed: run 'make setup'"
    return found


@contextmanager
def _running(lab: Lab, folder: Path, name: str, command: list[str]) -> Iterator[None]:
    output = folder / f"{name}.out"
    environment = {**os.environ, "SEEN": str(folder / f"{name}.log"), "PYTHONPATH": str(TREE)}
    with (
        output.open("wb") as log,
        subprocess.Popen(
            [*lab.enter("origin"), *command], cwd=TREE, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield
            assert process.poll() is None, f"{name} has ended: {output.read_text()}"
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def _listens(lab: Lab, port: int) -> bool:
    listening = run(*lab.enter("origin"), "ss", "--no-header", "-tln").stdout
    return f":{port} " in listening
