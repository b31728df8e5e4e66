"""The origin: nginx on port 80 over both families, in one process and one directory."""

from __future__ import annotations

from pathlib import Path

from appliance.lab.instance import Instance

LARGE_FILES = {"1m.bin": 1 << 20, "16m.bin": 16 << 20}
"""Files of zeros for transfers, in bytes; sparse, so they take no memory."""

PAGE = """<!doctype html>
<title>SecBeat lab</title>
<h1>Hello from the origin</h1>
<p>This page came through the SecBeat data plane.</p>
"""

_CONFIGURATION = """\
daemon off;
# One process: nothing stays behind when it is killed.
master_process off;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type application/octet-stream;
    types {{ text/html html; text/plain txt; }}
    sendfile on;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 80;
        listen [::]:80;
        root {site};
        location = /ip {{ default_type text/plain; return 200 "$remote_addr\\n"; }}
    }}
}}
"""


def prepare(instance: Instance, directory: Path) -> Path:
    """Write the site and the configuration; returns the configuration's path."""
    instance.site.mkdir(mode=0o755)
    (instance.site / "index.html").write_text(PAGE)
    for name, size in LARGE_FILES.items():
        with (instance.site / name).open("wb") as file:
            file.truncate(size)
    for path in instance.site.iterdir():
        path.chmod(0o644)
    configuration = directory / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(directory=directory, site=instance.site))
    configuration.chmod(0o644)
    return configuration
