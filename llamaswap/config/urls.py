"""Is a text the base URL of an HTTP server?

Pure. Stricter than the reference, which takes ``localhost:8080`` for a URL with
the scheme ``localhost`` and fails at the first request. As lenient where paths hold
what must be percent-encoded: `llamaswap.relay.heads` does so.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from llamaswap.config.document import Problem

_BAD_HOST = re.compile(r"[\\^{|}`<>\"]")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_BRACKETED = re.compile(r"\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%25[^\]]+)?\](:[0-9]*)?")
_ESCAPED_ASCII = re.compile(r"%(?!25)[0-7]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def url_problem(url: str, what: str = "proxy") -> Problem | None:
    """Say what is wrong with ``url``, the URL of ``what``; ``None``: it will do."""
    reason = _reason(url)
    if reason is None:
        return None
    better = f"http://{url}"
    hint = f"did you mean {better!r}?" if "://" not in url and _reason(better) is None else ""
    return Problem(f"invalid {what} URL {{found}}: {reason}", "", repr(url), hint)


def _reason(url: str) -> str | None:
    # `urlsplit` drops line breaks and tabs without a word.
    if _CONTROLS.search(url):
        return "it holds control characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        return str(exc)
    host = parts.netloc.rpartition("@")[2]
    checks = {
        # `urlsplit` drops blanks in front, too.
        "expected http:// or https:// in front": url.lower().startswith(("http:", "https:")),
        "expected a host after the two slashes": bool(parts.hostname),
        "a blank may stand only behind the host": " " not in parts.netloc,
        "nothing can listen on port 0": port != 0,
        "only an IPv6 address stands in brackets, and nothing beside it": (
            not {"[", "]"} & set(host) or bool(_BRACKETED.fullmatch(host))
        ),
        "a host is written without %": not _ESCAPED_ASCII.search(host),
        "it holds characters that no URL may hold": not (
            _BAD_HOST.search(parts.netloc) or _BAD_ESCAPE.search(url.partition("?")[0])
        ),
    }
    return next((problem for problem, is_good in checks.items() if not is_good), None)
