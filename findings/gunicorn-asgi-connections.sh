#!/usr/bin/env bash
# Gunicorn 27.0.1, worker class "asgi": `worker_connections` bounds nothing.
#
# A good guess: the setting is "the maximum number of simultaneous clients" of asynchronous workers,
# so with a value of 2 a third connection waits. Seen: thirteen connections that are open at once are all
# answered. SecBeat therefore counts connections itself (api/serving/connections/worker.py).
#
# Runs without SecBeat, on loopback, in a temporary folder, for a few seconds. Exits with 1 when
# the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gunicorn==27.0.1
cat >"$folder/app.py" <<'END'
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
END
cd "$folder"
"$folder/venv/bin/gunicorn" --worker-class asgi --workers 1 --worker-connections 2 \
    --no-control-socket --bind "unix:$folder/socket" app:app >"$folder/log" 2>&1 &
server=$!
"$folder/venv/bin/python" - "$folder/socket" <<'END'
import socket
import sys
import time


def connect() -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(5)
    one.connect(sys.argv[1])
    return one


for _ in range(100):
    try:
        held = [connect()]
        break
    except OSError:
        time.sleep(0.1)
answered = 0
request = b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"
held += [connect() for _ in range(12)]
for one in held:
    one.sendall(request)
    answered += one.recv(4096).startswith(b"HTTP/1.1 200")
print(f"worker_connections 2: {answered} of 13 connections that are open at once were answered")
sys.exit(answered != 13)
END
