"""What goes wrong in a build on purpose."""

from __future__ import annotations

from dataplane.base.errors import SecBeatError


class ImageError(SecBeatError):
    """The image can't be built; the message names the step, and the remedy where there is one."""
