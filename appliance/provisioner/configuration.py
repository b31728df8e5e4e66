"""``provisioner.toml``: the providers, and the user who may use them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from api.orchestrator.scaling.protocol import PROVIDER
from appliance.config.load import problem_error, read_document
from appliance.config.model import AbsolutePath, Section, UserName
from appliance.defaults import PROVISIONER_FILE
from appliance.provisioner.playbook import SCALE
from dataplane.base.errors import ConfigurationError

ARGUMENTS_MAX = 32
PROVIDERS_MAX = 16


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not Path(words[0]).is_absolute():
        raise ValueError("must begin with an absolute path")
    return words


Words = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=4096)], ...],
    Field(strict=False, min_length=1, max_length=ARGUMENTS_MAX),
    AfterValidator(_command),
]


class ProviderSection(Section):
    """``[providers.NAME]``: the command, its arguments, its directory, its runner and its time
    limit."""

    command: Words
    directory: AbsolutePath = Path("/")
    playbook: AbsolutePath = SCALE
    """The runner of the command when a node is made or destroyed."""
    timeout_seconds: int = Field(default=300, ge=1, le=3600)


ProviderName = Annotated[str, Field(pattern=f"^{PROVIDER.pattern}$")]


class ProvisionerConfig(Section):
    """A whole ``provisioner.toml``."""

    providers: Annotated[dict[ProviderName, ProviderSection], Field(max_length=PROVIDERS_MAX)]
    socket: AbsolutePath = Path("/run/secbeat-provisioner/provisioner.sock")
    user: UserName = "secbeat"
    """The user whose processes may send requests, besides root; its group may connect to the
    socket."""


def load_provisioner(file: Path = PROVISIONER_FILE) -> ProvisionerConfig:
    """Read and check the file. Raises `ConfigurationError`, with a line for each mistake."""
    document = read_document(file)
    _check_owner(file)
    try:
        config = ProvisionerConfig.model_validate(document)
    except ValidationError as error:
        raise problem_error(file, error, ProvisionerConfig) from None
    for name, section in config.providers.items():
        if not section.playbook.is_file():
            raise ConfigurationError(
                f"{file}: providers.{name}.playbook: there is no file {section.playbook}"
            )
    return config


def _check_owner(file: Path) -> None:
    """Check that only root can write the file, because its commands run as root."""
    found = file.stat()
    if found.st_uid not in {0, os.geteuid()} or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigurationError(
            f"{file}: only root may write it; it is user {found.st_uid}'s, "
            f"mode {stat.S_IMODE(found.st_mode):o}"
        )
