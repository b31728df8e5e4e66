"""Names the secrets in a configuration on standard input, one line each, with the credential of
systemd that each one should be; prints no secret. Input that is not TOML has none: the program
that reads the file reports the error."""

import re
import sys
import tomllib

PASSWORD = re.compile(r"[\w+]+://(?:[^:/]*:[^@]+@|.*[?&]password=.)")
"""In a URL, as SQLAlchemy reads it."""
MARKS = re.compile(r"^\ufeff+", re.MULTILINE)
"""Byte order marks at the start of a line, which SecBeat ignores."""


def secrets(text: str) -> list[str]:
    """The key of each secret, and its credential."""
    try:
        document = tomllib.loads(MARKS.sub("", text))
    except tomllib.TOMLDecodeError:
        return []
    found = []
    webhooks, database = document.get("webhooks"), document.get("database")
    if isinstance(webhooks, dict) and webhooks.get("secret"):
        found.append("webhooks.secret (credential secbeat.webhooks-secret)")
    if isinstance(database, str) and PASSWORD.match(database):
        found.append("the password in database (credential secbeat.orchestrator-database-url)")
    return found


if __name__ == "__main__":
    print("\n".join(secrets(sys.stdin.read())))
