"""Sends a message to its receiver: resolves, checks, signs and sends."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from api.webhooks import secret
from api.webhooks.backoff import BackOff
from api.webhooks.message import Message
from api.webhooks.sending import Outcome, send
from api.webhooks.settings import WebhookSettings
from api.webhooks.targets import Target, TargetError, addresses, resolve
from dataplane.base.clock import Clock


class Sender(Protocol):
    """Sends a message once."""

    def __call__(self, target: Target, message: Message, timeout_s: float) -> Outcome:
        """Send the message; returns the outcome."""
        ...


class Key:
    """The signing key; loaded when it is first needed, because the disk may be full before."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._key: bytes | None = None

    def __call__(self) -> bytes:
        """The key; raises `StorageError`, ConfigurationError."""
        with self._lock:
            if self._key is None:
                self._key = self._load()
            return self._key

    def _load(self) -> bytes:
        if self._settings.secret is not None:
            return secret.decode(self._settings.secret)
        if self._settings.secret_file is None:
            raise ValueError("webhooks have neither a secret nor a file for one")
        return secret.load(self._settings.secret_file)


@dataclass(frozen=True)
class Carrier:
    """Resolves, checks and sends: the `Sender` for the real network."""

    key: Callable[[], bytes]
    allow_hosts: Sequence[str]
    tls: Callable[[], ssl.SSLContext]
    clock: Clock
    resolver: Callable[[str, int], Sequence[str]] = resolve

    def __call__(self, target: Target, message: Message, timeout_s: float) -> Outcome:
        """See `Sender`."""
        try:
            found = addresses(target, self.allow_hosts, self.resolver)
        except (TargetError, UnicodeError) as error:
            return Outcome(error=str(error))
        except OSError as error:
            return Outcome(error=f"{target.host} can't be resolved: {error}")
        headers = message.headers(self.key(), self.clock.utc_ms())
        return send(target, found, message.body, headers, self.tls, timeout_s)


@dataclass(frozen=True)
class Rules:
    """Time limits of the delivery."""

    max_retries: int
    back_off: BackOff
    timeout_s: float


@cache
def system_tls() -> ssl.SSLContext:
    """A TLS context with the system's CAs, which take megabytes: created when it is
    first needed."""
    return ssl.create_default_context()
