"""Base URLs of model servers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.document import Report
from llamaswap.config.urls import address_of, check_url, port_of, url_problem


def told(url: str) -> tuple[list[str], list[str]]:
    """Return what is expected in place of ``url``: of faults, and of warnings."""
    report = Report()
    check_url(url, ("proxy",), report, "so nothing works")
    return [f.expected for f in report.faults], [w.expected for w in report.warnings]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:5800",
        "https://gpu/v1",
        "HTTP://h",
        "http://h:",
        "http://h:65535",
        "http://[::1]:8080/a%20b",
        "http://[fe80::1%25eth0]:80/",
        "http://user:secret@h:1/",
        "http://u:p:q@h",
        "http://u%20:p@[::1]:1",
        "http://h/?q=%zz",
        "http://h?:x",
        "http://h#:x",
        "http://h#a\tb",
        "http://h/my models/v1",
        "http://h/a ?b c#d e",
        'http://h/ü{x}|^`<>"\\',
        "http://grün.example:80",
        "http://h_x;y",
    ],
)
def test_address_of_a_server_is_good(url: str) -> None:
    assert url_problem(url) is None
    assert told(url) == ([], [])


HTTP = "http:// or https:// in front"
HOST = "a host after two slashes"
PORT = "a port from 1 to 65535"
NAME = 'a host without < > " % ]'
ESCAPE = "% only in front of two hexadecimal digits"
BRACKETS = "brackets around an IPv6 address alone"
DIGITS = "digits alone for the port"

REFUSED = {
    "127.0.0.1:8080": HTTP,
    "1http://x": HTTP,
    "://x": HTTP,
    "a b:c": HTTP,
    "a_b:c": HTTP,
    " http://h": HTTP,
    "http://h\n": "a URL without control characters",
    "http://h/a\tb": "a URL without control characters",
    "http://[::1": BRACKETS,
    "http://[::1]x": DIGITS,
    "http://h[::1]": BRACKETS,
    "http://[v1.a]": BRACKETS,
    "http://[]": BRACKETS,
    "http://[::1%eth]": BRACKETS,
    "http://h /v1": "no blank in front of the path",
    "http://a b@h": "no blank in front of the path",
    "http://h:abc": DIGITS,
    "http://h:80:90": DIGITS,
    "http://h:-1": DIGITS,
    "http://h:\u0663": DIGITS,
    "http://h{x}": "a host without \\ ^ ` { | }",
    "http://h\\x": "a host without \\ ^ ` { | }",
    "http://u<@h": "a user whose special characters are percent-encoded",
    "http://h%zz": ESCAPE,
    "http://u%zz@h": ESCAPE,
    "http://h/%zz": ESCAPE,
    "http://h/#%zz": ESCAPE,
    "http://h/?q#a?b%zz": ESCAPE,
    "/%zz": ESCAPE,
    "a%": ESCAPE,
    "mailto:\n": "a URL without control characters",
    "http://h%20x": "a host without %",
    "http://é%41": "a host without %",
}


@pytest.mark.parametrize(("url", "expected"), REFUSED.items())
def test_what_is_no_url_is_refused(url: str, expected: str) -> None:
    assert told(url) == ([expected], [])


USELESS = {
    "": "the address of a server",
    "localhost:8080": HTTP,
    "mailto:me@x:1": HTTP,
    "foo": HTTP,
    "/path": HTTP,
    "//x": HTTP,
    "not a url": HTTP,
    "?a:b": "the address of a server",
    "ftp://x": HTTP,
    "a/b:c": HTTP,
    "http:x": HOST,
    "http:///v1": HOST,
    "http://:80": HOST,
    "http://h:0": PORT,
    "http://h:000": PORT,
    "http://h:65536": PORT,
    f"http://h:{'9' * 5000}": PORT,
    'http://h"x': NAME,
    "http://h<x": NAME,
    "http://h%25": NAME,
    "http://%E4": NAME,
    "http://h\u00a0x": NAME,
    "http://h]": NAME,
    f"http://{'ü' * 64}": "a host of letters that a domain name can have",
}


@pytest.mark.parametrize(("url", "expected"), USELESS.items(), ids=[u[:30] for u in USELESS])
def test_what_cannot_work_is_a_warning(url: str, expected: str) -> None:
    assert told(url) == ([], [expected])
    assert address_of(url) is None


def test_the_sentence_names_the_url_what_was_expected_and_what_comes_of_it() -> None:
    report = Report()
    check_url("http//x", ("proxy",), report, "so the model cannot be started")

    (warning,) = report.warnings
    assert warning.message == (
        "invalid proxy URL 'http//x': expected http:// or https:// in front, so the model cannot "
        "be started; did you mean 'http://x'?"
    )
    assert (warning.found, warning.suggestion) == ("'http//x'", "did you mean 'http://x'?")


HINTS = {
    "": "leave proxy out to get http://localhost:${PORT}",
    "localhost:8080": "did you mean 'http://localhost:8080'?",
    "127.0.0.1:8080": "did you mean 'http://127.0.0.1:8080'?",
    "http//x": "did you mean 'http://x'?",
    "https//x": "did you mean 'https://x'?",
    "http:/x/v1": "did you mean 'http://x/v1'?",
    "http:x": "did you mean 'http://x'?",
    "http;//x": "did you mean 'http://x'?",
    "htpp://x": "did you mean 'http://x'?",
    r"http:\\x": "did you mean 'http://x'?",
    "//x": "did you mean 'http://x'?",
    "://x": "did you mean 'http://x'?",
    " http://h": "did you mean 'http://h'?",
    "/path": "",
    "not a url": "",
    "gopher://x": "",
    "http://:80": "",
    "http://": "",
    "http://h:0": "",
    "http://h:65536": "choose a lower startPort, or write another port",
}


@pytest.mark.parametrize(("url", "hint"), HINTS.items())
def test_what_was_meant_is_suggested(url: str, hint: str) -> None:
    problem = url_problem(url)

    assert problem is not None
    assert problem.suggestion == hint


def test_only_models_count_ports_and_have_an_address_by_default() -> None:
    for url in ("", "http://h:65536"):
        problem = url_problem(url, "peer proxy")
        assert problem is not None
        assert str(problem).startswith(f"invalid peer proxy URL '{url}': expected ")
        assert problem.suggestion == ""


@pytest.mark.parametrize(
    "url",
    ["http://user:secret@h:0", "htpp://me:secret:x@h", "user:secret@h:80", "http//u:secret@h"],
)
def test_password_is_not_repeated(url: str) -> None:
    problem = url_problem(url)

    assert problem is not None
    assert "secret" not in str(problem)
    assert ":***@h" in problem.found


ADDRESSES = {
    "http://localhost": ("localhost", 80),
    "https://LOCALHOST": ("localhost", 443),
    "http://u@127.0.0.1:5800/v1": ("127.0.0.1", 5800),
    "http://[::1]:1": ("::1", 1),
    "http://h:": ("h", 80),
}


@pytest.mark.parametrize(("url", "address"), ADDRESSES.items())
def test_url_leads_to_a_host_and_a_port(url: str, address: tuple[str, int]) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://h:65536", 65536), ("http://h:", None), ("http://h", None), ("http://h:x", None)],
)
def test_port_is_what_is_written(url: str, port: int | None) -> None:
    assert port_of(url) == port


@given(st.text() | st.text("htp:/[]@%.1a").map("http://".__add__))
def test_any_text_is_judged(url: str) -> None:
    problem = url_problem(url)

    assert problem is None or str(problem).startswith("invalid proxy URL ")
    assert (address_of(url) is None) is (problem is not None)
    port_of(url)
