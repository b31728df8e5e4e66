"""Processor time per request that ModSecurity 3 with Debian's Core Rule Set adds to nginx.

``python -m bench.http.modsecurity``; needs the packages in ``appliance/setup/packages-bench.txt``.
Two nginx on loopback with one worker each, which answer at once: one without rules, one with the
rules in blocking mode at their default paranoia level. wrk sends both the same request,
alternately. The processor time of the worker process is measured, so other load on the machine does
not count.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.http.request import REQUEST_BYTES, fields, request, target
from tests.support.network.ports import free_port

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 8
_MODULE = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"
_CRS = (
    Path("/etc/modsecurity/crs/crs-setup.conf"),
    Path("/usr/share/modsecurity-crs/rules"),
)
_CONFIGURATION = """\
{load}
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error crit;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; {rules}
    location / {{ root {folder}; try_files /page =404; }} }} }}
"""
# Debian's nginx module comes without modsecurity.conf-recommended. Order as in owasp-crs.load.
_RULES = """\
SecRuleEngine On
SecRequestBodyAccess On
SecAuditEngine Off
Include {setup}
Include {rules}/*.conf
"""


@dataclass(frozen=True)
class Server:
    """A running nginx."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Processor time of its worker so far."""
        numbers = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def is_installed() -> bool:
    """Whether the module and the rules are installed."""
    return Path(_MODULE).exists() and _CRS[1].is_dir()


def measure(rounds: int = ROUNDS, seconds: int = SECONDS) -> dict[str, object]:
    """Microseconds of processor time per request; medians of the rounds."""
    with ExitStack() as opened:
        servers = {
            name: opened.enter_context(nginx(with_rules=name == "modsecurity"))
            for name in ("plain", "modsecurity")
        }
        for server in servers.values():
            expect(server, "/", 200)
        expect(servers["plain"], "/?id=1%20union%20select%20password%20from%20users", 200)
        expect(servers["modsecurity"], "/?id=1%20union%20select%20password%20from%20users", 403)
        rows: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                rows[name].append(cpu_us_per_request(server, seconds))
    found = {name: round(statistics.median(each), 2) for name, each in rows.items()}
    added = found["modsecurity"] - found["plain"]
    return {
        "request_bytes": REQUEST_BYTES,
        "us_per_request": found,
        "rounds_us": {name: [round(each, 2) for each in row] for name, row in rows.items()},
        "added_us": round(added, 2),
        "added_requests_per_cpu_second": round(1e6 / added),
    }


@contextmanager
def nginx(*, with_rules: bool) -> Iterator[Server]:
    """Run one nginx process on a free port of loopback during the block."""
    with tempfile.TemporaryDirectory(prefix="secbeat-bench-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "page").write_text("hello\n")
        load, rules = "", ""
        if with_rules:
            (folder / "rules").write_text(_RULES.format(setup=_CRS[0], rules=_CRS[1]))
            load = f"load_module {_MODULE};"
            rules = f"modsecurity on; modsecurity_rules_file {folder}/rules;"
        file = folder / "nginx.conf"
        file.write_text(_CONFIGURATION.format(load=load, folder=folder, port=port, rules=rules))
        with subprocess.Popen(["nginx", "-c", str(file), "-e", f"{folder}/error"]) as process:
            try:
                yield Server(port, process.pid)
            finally:
                process.terminate()


def expect(server: Server, path: str, status: int) -> None:
    """Send the request until the server is up; another status than ``status`` is an error."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
    command += ["--retry", "30", "--retry-delay", "1", "--retry-connrefused"]
    command += ["-A", fields()["User-Agent"], "-H", f"Host: {fields()['Host']}"]
    command += ["-H", f"Accept: {fields()['Accept']}"]
    url = f"http://127.0.0.1:{server.port}{path}"
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    if done.stdout != str(status):
        raise RuntimeError(f"{url} answered {done.stdout}, not {status}")


def cpu_us_per_request(server: Server, seconds: int) -> float:
    """Processor time of the server per request of wrk, in microseconds."""
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS)]
    command += ["--duration", f"{seconds}s"]
    for name, value in fields().items():
        command += ["--header", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{server.port}{target()}")
    before = server.cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    spent = server.cpu_s() - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"not every request was answered with 200:\n{done.stdout}")
    return spent * 1e6 / int(done.stdout.split(" requests in ")[0].split()[-1])


def main() -> int:
    """Print the results as a line of JSON; returns the exit code."""
    if not is_installed():
        print("nginx's ModSecurity module or the rules are missing: make setup-bench")
        return 1
    if len(request()) != REQUEST_BYTES:
        raise RuntimeError(f"the request has {len(request())} bytes")
    started = time.monotonic()
    found = measure()
    print(json.dumps({**found, "seconds": round(time.monotonic() - started)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
