"""Is a text the base URL of an HTTP server?

Pure. What the reference takes for no URL is a fault. It takes more than can work,
like ``localhost:8080`` with the scheme ``localhost``, and fails at the first request:
such a file loads here too, with a warning. Paths may hold what must be
percent-encoded: `llamaswap.relay.heads` does so.
"""

from __future__ import annotations

import difflib
import re

from attrs import evolve, frozen

from llamaswap.config.document import KeyPath, Problem, Report
from llamaswap.config.redaction import MASK, hidden

MAX_PORT = 65535

_DEFAULT_PORTS = {"http": 80, "https": 443}

_URL = re.compile(
    r"(?:(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*):)?(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)(?:\?[^#]*)?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)
_PLACE = re.compile(r"(?P<host>\[.*\]|[^:]*)(?P<port>.*)", re.DOTALL)

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_PORT = re.compile(r"(?::[0-9]*)?")
_USER = re.compile(r"[a-zA-Z0-9._:~!$&'()*+,;=%@-]*")
_PASSWORD = re.compile(r"(?<=:)[^/?#@]+(?=@)")
_BRACKETED = re.compile(r"\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%25[^\]]+)?\]")
_BAD_HOST = re.compile(r"[ \\^{|}`]")
_NO_NAME = re.compile(r"[\x00-\x20<>\"%\]]")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_ESCAPED_ASCII = re.compile(r"%(?!25)[0-7]")

_FRONT = re.compile(r"\s*(?:(?P<scheme>\w+)(?=[:;]?[/\\]{2})|(?P<web>https?)(?=[:;]))?[:;]*[/\\]*")
"""What people write in place of ``http://``."""

_ANY = "the address of a server"
_CLEAN = "a URL without control characters"
_HTTP = "http:// or https:// in front"
_PORTS = f"a port from 1 to {MAX_PORT}"


@frozen
class _Parts:
    """A URL taken apart, whatever it is."""

    scheme: str
    authority: str | None
    """What follows two slashes; ``None``: nothing does."""

    user: str
    host: str
    """With its brackets."""

    port: str
    """With its colon."""

    path: str
    fragment: str

    @classmethod
    def of(cls, url: str) -> _Parts:
        """Take ``url`` apart."""
        found = _URL.fullmatch(url)
        assert found is not None, "any text has these parts"
        user, _, place = (found["authority"] or "").rpartition("@")
        host = _PLACE.fullmatch(place)
        assert host is not None, "any text has these parts"
        return cls(
            scheme=(found["scheme"] or "").lower(),
            authority=found["authority"],
            user=user,
            host=host["host"],
            port=host["port"],
            path=found["path"],
            fragment=found["fragment"] or "",
        )


_NOTHING = _Parts.of("")


def check_url(url: str, path: KeyPath, report: Report, outcome: str, what: str = "proxy") -> None:
    """Tell what is wrong with ``url``: a fault if it is none, a warning if it cannot work.

    Args:
        url: the URL.
        path: where it stands.
        report: is told.
        outcome: what comes of one that cannot work, as the end of a sentence.
        what: whose URL it is.
    """
    problem = url_problem(url, what)
    if problem is None:
        return
    if _malformed(_Parts.of(url), url):
        report.fault(path, problem)
    else:
        report.warn(path, evolve(problem, text=f"{problem.text}, {outcome}"))


def url_problem(url: str, what: str = "proxy") -> Problem | None:
    """Say what is wrong with ``url``, the URL of ``what``; ``None``: it will do."""
    parts = _Parts.of(url)
    expected = _malformed(parts, url) or _unusable(parts)
    if not expected:
        return None
    text = f"invalid {what} URL {{found}}: expected {{expected}}"
    hint = _own_hint(parts, expected) if what == "proxy" else ""
    return Problem(text, expected, repr(_shown(url)), hint or _hint(url))


def address_of(url: str) -> tuple[str, int] | None:
    """Return the host and the port that ``url`` leads to; ``None``: it leads nowhere."""
    if url_problem(url) is not None:
        return None
    parts, port = _Parts.of(url), port_of(url)
    return parts.host.strip("[]").lower(), _DEFAULT_PORTS[parts.scheme] if port is None else port


def port_of(url: str) -> int | None:
    """Return the port that is written in ``url``, if one is."""
    written = _Parts.of(url).port
    return _number(written) if _PORT.fullmatch(written) and written.strip(":") else None


def _number(port: str) -> int:
    # Python refuses to read a number of thousands of digits; no port has twenty.
    return int(port.removeprefix(":").lstrip("0")[:20] or 0)


def _malformed(parts: _Parts, url: str) -> str:
    """Say what the reference would expect in place of what it takes for no URL."""
    first = parts.path.partition("/")[0]
    if parts.authority is None and first and parts.scheme:
        # What follows may be anything: ``mailto:me``.
        return _CLEAN if _CONTROLS.search(url) else ""
    checks = {
        _CLEAN: not _CONTROLS.search(url.partition("#")[0]),
        _HTTP: parts.authority is not None or ":" not in first,
        "brackets around an IPv6 address alone": (
            "[" not in parts.host + parts.port or bool(_BRACKETED.fullmatch(parts.host))
        ),
        "no blank in front of the path": " " not in (parts.authority or ""),
        "digits alone for the port": bool(_PORT.fullmatch(parts.port)),
        "a host without \\ ^ ` { | }": not _BAD_HOST.search(parts.host),
        "a user whose special characters are percent-encoded": bool(_USER.fullmatch(parts.user)),
        "% only in front of two hexadecimal digits": not any(
            map(_BAD_ESCAPE.search, (parts.authority or "", parts.path, parts.fragment))
        ),
        "a host without %": not _ESCAPED_ASCII.search(parts.host),
    }
    return next((expected for expected, is_good in checks.items() if not is_good), "")


def _unusable(parts: _Parts) -> str:
    """Say what would be expected in place of what no request can be sent to."""
    name = _domain(parts.host)
    checks = {
        _ANY: parts != _NOTHING,
        _HTTP: parts.scheme in _DEFAULT_PORTS,
        "a host after two slashes": bool(parts.host),
        _PORTS: not parts.port.strip(":") or 1 <= _number(parts.port) <= MAX_PORT,
        "a host of letters that a domain name can have": name is not None,
        'a host without < > " % ]': not _NO_NAME.search(name or ""),
    }
    return next((expected for expected, is_good in checks.items() if not is_good), "")


def _domain(host: str) -> str | None:
    """Return ``host`` as it is looked up, nothing for an address; ``None``: it cannot be."""
    if host.isascii():
        return "" if host.startswith("[") else host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return None


def _own_hint(parts: _Parts, expected: str) -> str:
    """Return what only the address of a model can be mended by."""
    if expected == _ANY:
        return "leave proxy out to get http://localhost:${PORT}"
    is_too_high = expected == _PORTS and parts.port.strip(":0")
    return "choose a lower startPort, or write another port" if is_too_high else ""


def _hint(url: str) -> str:
    """Return what was probably meant; empty where that is not clear."""
    front = _FRONT.match(url)
    assert front is not None, "it may be empty"
    written = (front["scheme"] or front["web"] or "http").lower()
    near = difflib.get_close_matches(written, _DEFAULT_PORTS, n=1)
    # A single slash begins a path, and what that leads to nobody knows.
    if not near or (url.startswith("/") and not url.startswith("//")):
        return ""
    better = f"{near[0]}://{url[front.end() :]}"
    is_good = not _malformed(parts := _Parts.of(better), better) and not _unusable(parts)
    return f"did you mean {_shown(better)!r}?" if is_good else ""


def _shown(url: str) -> str:
    """Return ``url`` without its password and its query, also where that is no URL."""
    return hidden(_PASSWORD.sub(MASK, url))
