"""The first person to sit down at a machine: logged in at its console, with a shell."""

from __future__ import annotations

import secrets

from tests.image.support.expected import ADMINISTRATOR
from tests.image.support.vms.console import Console
from tests.image.support.vms.vm import BOOT_S

ANSWER_S = 120
_PROMPT = rf"{ADMINISTRATOR}@\S+:\S*\$ "


class Session:
    """Waits for the login prompt and sets the password that the first login asks for."""

    def __init__(self, console: Console) -> None:
        password = secrets.token_urlsafe(16)
        self._console = console
        console.type("")
        console.expect(r"login: $", BOOT_S)
        console.type(ADMINISTRATOR)
        console.expect(r"(?i)new password: ", ANSWER_S)
        console.type(password)
        console.expect(r"(?i)retype new password: ", ANSWER_S)
        console.type(password)
        console.expect(_PROMPT, ANSWER_S)

    def run(self, command: str) -> str:
        """What a command shows."""
        self._console.type(command)
        shown = self._console.expect(_PROMPT, ANSWER_S)
        return "\n".join(shown.splitlines()[1:-1])
