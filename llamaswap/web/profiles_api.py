"""Profiles: which there are, which one is active, and another one.

A profile says what some names mean while it is active; at most one is.
"""

from __future__ import annotations

import json
from typing import cast

from llamaswap.errors import RequestError, SwapError
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.front import Front

LARGEST_WISH = 65536
"""Bytes of a body that are read as JSON; a name of a profile is short."""


class UnknownProfileError(SwapError):
    """The configuration has no such profile."""

    status_hint = 404
    code = "not_found"


async def list_profiles(front: Front, _request: Request, answer: Answer) -> None:
    """List the profiles, sorted by name, and say which one is active."""
    profiles = [
        {
            "id": name,
            "description": profile.description,
            "pins": {pin: target or "" for pin, target in profile.pins.items()},
        }
        for name, profile in sorted(front.snapshot.config.profiles.items())
    ]
    await answer.json({"active": front.profile, "profiles": profiles})


async def choose_profile(front: Front, request: Request, answer: Answer) -> None:
    """Make the profile that the body names the active one; ``null`` or an empty name: none.

    Raises:
      RequestError: the body is no such wish.
      UnknownProfileError: there is no such profile.
    """
    name = _name_in(await request.body())
    if name and name not in front.snapshot.config.profiles:
        raise UnknownProfileError(f'profile "{name}" not found')
    front.choose_profile(name or None)
    await answer.json({"active": front.profile})


def _name_in(body: bytes) -> str | None:
    """Read the name; what stands behind the object is not looked at, as in the reference."""
    try:
        text = body[:LARGEST_WISH].decode("utf-8-sig").lstrip()
        document: object = json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError) as exc:
        raise RequestError(f"invalid profile request: {exc}") from exc
    if document is not None and not isinstance(document, dict):
        raise RequestError("invalid profile request: expected a JSON object with a name")
    wish = cast("dict[str, object]", document or {})
    if "name" not in wish:
        raise RequestError('profile name is required: {"name": "NAME"}, or null for none')
    name = wish["name"]
    if name is not None and not isinstance(name, str):
        raise RequestError("profile name must be a string or null")
    return name
