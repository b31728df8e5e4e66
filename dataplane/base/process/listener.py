"""Listening sockets of the data plane, and the identity of a connection's peer."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from pathlib import Path
from typing import NamedTuple

from dataplane.base.errors import ConfigurationError

_BACKLOG = 64


class Peer(NamedTuple):
    """The process at the other end."""

    pid: int
    """0 if that process is not visible in this PID namespace."""
    uid: int


def listen(
    path: Path,
    client_users: tuple[str, ...],
    kind: socket.SocketKind = socket.SOCK_SEQPACKET,
) -> socket.socket:
    """A listening socket; its path appears only when it is ready. ConfigurationError."""
    if _is_in_use(path, kind):
        raise ConfigurationError(f"socket {path}: another data plane listens there")
    listener = socket.socket(socket.AF_UNIX, kind)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        listener.bind(str(temporary))
        _restrict(temporary, client_users)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        temporary.replace(path)
    except OSError as exc:
        listener.close()
        temporary.unlink(missing_ok=True)
        raise ConfigurationError(f"socket {path}: {exc.strerror or exc}") from exc
    return listener


def _restrict(path: Path, client_users: tuple[str, ...]) -> None:
    """Set the group of the first client user and mode 0660; if that fails, only SO_PEERCRED
    protects it."""
    mode = 0o660
    try:
        if client_users:
            os.chown(path, -1, pwd.getpwnam(client_users[0]).pw_gid)
    except PermissionError:
        mode = 0o666
    path.chmod(mode)


def _is_in_use(path: Path, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # its backlog is full
        except OSError:
            return False
        return True


def uids_of(users: tuple[str, ...]) -> list[int]:
    """User ids by name; ConfigurationError names an unknown user."""
    uids = []
    for user in users:
        try:
            uids.append(pwd.getpwnam(user).pw_uid)
        except KeyError as exc:
            raise ConfigurationError(f"client user {user!r}: there is no such user") from exc
    return uids


def peer_of(connection: socket.socket) -> Peer:
    """SO_PEERCRED (unix(7)): the user that connected, as recorded by the kernel."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, uid, _gid = struct.unpack("3i", credentials)
    return Peer(pid, uid)
