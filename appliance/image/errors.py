"""The error of a build."""

from __future__ import annotations

from dataplane.base.errors import SecBeatError


class ImageError(SecBeatError):
    """The image can't be built; the message names the step, and the remedy if there is one."""
