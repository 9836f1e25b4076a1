"""The program's own API under ``/api/``."""

from __future__ import annotations

from llamaswap._version import BUILT_AT, COMMIT, VERSION
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.front import Front


async def version(_front: Front, _request: Request, answer: Answer) -> None:
    """Say which program this is."""
    await answer.json({"version": VERSION, "commit": COMMIT, "build_date": BUILT_AT})
