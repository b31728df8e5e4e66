"""Prints why HAProxy could not use a certificate with a private key, one line each; nothing if it
can. Standard input is a JSON object with the texts ``certificate`` and ``key``. Prints no key."""

import datetime as dt
import json
import sys
from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import Certificate, load_pem_x509_certificates


class UnusableError(Exception):
    """The reason, for an operator."""


def faults(certificate: str, key: str, now: dt.datetime) -> Iterator[str]:
    """The mistakes; the first words name the variable of the file."""
    try:
        chain, private = _chain(certificate), _key(key)
    except UnusableError as exc:
        yield str(exc)
        return
    if "PRIVATE KEY-----" in certificate:
        yield "certificate: it contains a private key, and all users of the host can read this file"
    own = [_public(each) == _public(private) for each in chain]
    if not any(own):
        yield "key: it is not the key of the certificate"
    elif not own[0]:
        yield "certificate: the certificate of the key must be the first in the chain"
    elif chain[0].not_valid_after_utc < now:
        yield f"certificate: it has expired on {chain[0].not_valid_after_utc:%Y-%m-%d %H:%M} UTC"


def _chain(text: str) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(text.encode())
    except ValueError as exc:
        raise UnusableError("certificate: it is no certificate in PEM") from exc


def _key(text: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(text.encode(), None)
    except TypeError as exc:
        raise UnusableError("key: it is encrypted, and HAProxy has no password") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise UnusableError("key: it is no private key in PEM") from exc


def _public(owner: Certificate | PrivateKeyTypes) -> bytes:
    return owner.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print("\n".join(faults(given["certificate"], given["key"], dt.datetime.now(dt.UTC))))
