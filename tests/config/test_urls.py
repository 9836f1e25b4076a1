"""Base URLs of model servers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.urls import url_problem


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:5800",
        "https://gpu/v1",
        "HTTP://h",
        "http://h:",
        "http://[::1]:8080/a%20b",
        "http://user:secret@h:1/",
        "http://h/?q=%zz",
        "http://h/my models/v1",
        "http://h/a ?b c#d e",
        'http://h/ü{x}|^`<>"\\',
    ],
)
def test_address_of_a_server_is_good(url: str) -> None:
    assert url_problem(url) is None


PROBLEMS = {
    "127.0.0.1:8080": "invalid proxy URL '127.0.0.1:8080': expected http:// or https:// in front; "
    "did you mean 'http://127.0.0.1:8080'?",
    "localhost:8080": "invalid proxy URL 'localhost:8080': expected http:// or https:// in front; "
    "did you mean 'http://localhost:8080'?",
    "/path": "invalid proxy URL '/path': expected http:// or https:// in front",
    "ftp://x": "invalid proxy URL 'ftp://x': expected http:// or https:// in front",
    "http:///v1": "invalid proxy URL 'http:///v1': expected a host after the two slashes",
    "http://:80": "invalid proxy URL 'http://:80': expected a host after the two slashes",
    "http://h:0": "invalid proxy URL 'http://h:0': nothing can listen on port 0",
    "http://h{x}": "invalid proxy URL 'http://h{x}': it holds characters that no URL may hold",
    "http://h/%zz": "invalid proxy URL 'http://h/%zz': it holds characters that no URL may hold",
    "not a url": "invalid proxy URL 'not a url': expected http:// or https:// in front",
    " http://h": "invalid proxy URL ' http://h': expected http:// or https:// in front",
    "http://h /v1": "invalid proxy URL 'http://h /v1': a blank may stand only behind the host",
    "http://a b@h": "invalid proxy URL 'http://a b@h': a blank may stand only behind the host",
    "http://h\n": "invalid proxy URL 'http://h\\n': it holds control characters",
    "http://h/a\tb": "invalid proxy URL 'http://h/a\\tb': it holds control characters",
    "http://h:99999": "invalid proxy URL 'http://h:99999': Port out of range 0-65535",
    "http://[::1": "invalid proxy URL 'http://[::1': Invalid IPv6 URL",
}


@pytest.mark.parametrize(("url", "sentence"), PROBLEMS.items())
def test_other_text_is_refused_with_a_reason(url: str, sentence: str) -> None:
    assert str(url_problem(url)) == sentence


@pytest.mark.parametrize("url", ["http://h:abc", "http://h:80:90"])
def test_bad_port_is_refused(url: str) -> None:
    assert f"invalid proxy URL {url!r}: " in str(url_problem(url))


@pytest.mark.parametrize("url", ["http://h[::1]", "http://[::1]x", "http://[v1.a]"])
def test_brackets_hold_an_ipv6_address_and_nothing_else(url: str) -> None:
    assert "IPv6" in str(url_problem(url)) or "brackets" in str(url_problem(url))


@pytest.mark.parametrize("url", ["http://h%20x", "http://%41", "http://h%2Fx"])
def test_host_is_written_without_escapes(url: str) -> None:
    assert "a host is written without %" in str(url_problem(url))


@pytest.mark.parametrize("url", ["http://[fe80::1%25eth0]:80/", "http://u%20:p@[::1]:1"])
def test_zone_and_a_password_may_hold_escapes(url: str) -> None:
    assert url_problem(url) is None


@given(st.text() | st.text("htp:/[]@%.1a").map("http://".__add__))
def test_any_text_is_judged(url: str) -> None:
    problem = url_problem(url)

    assert problem is None or str(problem).startswith("invalid proxy URL ")
