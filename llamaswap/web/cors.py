"""What browsers ask before a page of another origin may call us, and may read."""

from __future__ import annotations

from string import ascii_letters, digits

from llamaswap.web.asgi import Answer, Header, Request

_NAME_BYTES = frozenset((ascii_letters + digits + "!#$%&'*+-.^_`|~").encode())
_DEFAULT_ALLOWED = b"Content-Type, Authorization, Accept, X-Requested-With"


async def allow_cross_origin(request: Request, answer: Answer) -> None:
    """Answer a preflight: browsers' pages may call every path."""
    wanted = request.header(b"access-control-request-headers").encode("latin1")
    names = [name.strip() for name in wanted.split(b",")]
    echoed = b", ".join(name for name in names if name and _NAME_BYTES.issuperset(name))
    await answer.start(
        204,
        [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
            (b"access-control-allow-headers", echoed if wanted else _DEFAULT_ALLOWED),
            (b"access-control-max-age", b"86400"),
        ],
    )
    await answer.end()


def origin_headers(request: Request) -> list[Header]:
    """Return the headers that let a page read our own answer.

    Without them the page of another origin sees a network error in place of ours.
    """
    origin = request.header(b"origin").encode("latin1")
    if not origin:
        return []
    return [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
