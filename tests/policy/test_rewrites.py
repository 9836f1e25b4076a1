from __future__ import annotations

import json
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.rewrites import (
    Ask,
    answer_headers,
    forward_headers,
    read_ask,
    with_model,
)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MODELS = {
    b'{"model":"a"}': "a",
    b' \n{ "model" : "a" }': "a",
    b'\xef\xbb\xbf{"model":"a"}': "a",
    b'text before {"model":"a"}': "a",
    b'{"x":{"model":"no"},"y":[{"model":"no"}],"model":"a"}': "a",
    b'{"x":"\\"model\\":\\"no\\"","model":"a"}': "a",
    b'{"x":"ends with a backslash\\\\","model":"a"}': "a",
    b'{"x":{"y":"}]\\"{"},"z":[[],{}],"model":"a"}': "a",
    b'{"model":"a","model":"b"}': "a",
    b'{"mod\\u0065l":"a"}': "a",
    b'{"model":"a\\"\\u00e9\\n"}': 'a"é\n',
    b'{"model":"caf\xc3\xa9"}': "café",
    b'{"model":"\xff"}': "�",
    b'{"model":"\\ud83d\\ude00"}': "😀",
    b'{"model":"\\ud83d"}': "�",
    b'{"model":"bad \\x escape"}': "bad \\x escape",
    b'{"model":"two\nlines\\n"}': "two\nlines\n",
    b'{"model":1.50}': "1.5",
    b'{"model":-2}': "-2",
    b'{"model":12345678901234567890}': "12345678901234567890",
    b'{"model":1e3}': "1000",
    b'{"model":1e-7}': "0.0000001",
    b'{"model":1e999}': "1e999",
    b'{"model":true}': "true",
    b'{"model":false}': "false",
    b'{"model":["a", {"b":1}]}': '["a", {"b":1}]',
    b'{"model":{"a":1}}': '{"a":1}',
    b'{"model":"a", what is this': "a",
    b'{"model":"a","messages":[{"cut': "a",
    b'{"x" "y" "model":"a"}': "a",
    b'{"x":,"model":"a"}': "a",
    b'{"model":,"model":"a"}': "a",
    b'{"model":null}': "",
    b'{"model":nonsense}': "",
    b'{"model":NaN}': "",
    b'{"model":1_000}': "",
    b'{"model":"cut': "",
    b'{"model":"cut\\"': "",
    b'{"model":["cut"': "",
    b'{"model":["cut': "",
    b'{"model': "",
    b'{"model"': "",
    b'{"model"}': "",
    b'{}{"model":"a"}': "",
    b'{"Model":"a"}': "",
    b'[{"model":"a"}]': "",
    b'"model"': "",
    b"{": "",
    b"": "",
}


@pytest.mark.parametrize(("body", "model"), MODELS.items(), ids=map(repr, MODELS))
def test_model_is_found_in_all_that_clients_send(body: bytes, model: str) -> None:
    assert read_ask(body).model == model


def test_body_without_model_asks_for_nothing() -> None:
    assert read_ask(b'{"messages":[]}') == Ask()


def test_span_is_the_value_as_it_stands() -> None:
    body = b'\xef\xbb\xbf{ "model" : "a\\u0062" , "x":1}'
    span = read_ask(body).span

    assert span is not None
    assert body[slice(*span)] == b'"a\\u0062"'


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"model":"a","x" : 1.50}', b'{"model":"new \\"x\\"","x" : 1.50}'),
        (b'{"model":null}', b'{"model":"new \\"x\\""}'),
        (b'{"model":[1]}', b'{"model":"new \\"x\\""}'),
        (b'{"model":"a","model":"b"}', b'{"model":"new \\"x\\"","model":"b"}'),
        (b'{"x":1}', b'{"x":1}'),
    ],
)
def test_only_the_name_is_replaced(body: bytes, changed: bytes) -> None:
    assert with_model(body, read_ask(body), 'new "x"') == changed


def test_large_and_deep_bodies_are_read_in_time() -> None:
    image = b'{"messages":[{"content":"%b"}],"model":"a"}' % (b"x" * 20_000_000)
    assert read_ask(image).model == "a"

    bomb = b'{"x":%b%b,"model":"a"}' % (b"[" * 200_000, b"]" * 200_000)
    assert read_ask(bomb).model == "a"
    assert read_ask(b'{"x":' + b"[{" * 200_000) == Ask()
    assert read_ask(b'{"model":' + b"[" * 200_000) == Ask()


A_JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    document=st.dictionaries(st.text() | st.just("model"), A_JSON),
    old=st.text(),
    new=st.text(),
    plain=st.booleans(),
)
def test_rewritten_body_is_the_same_document_but_for_the_model(
    document: dict[str, Json], old: str, new: str, *, plain: bool
) -> None:
    document["model"] = old
    # As JSON, lone surrogates can only be written escaped.
    body = json.dumps(document, ensure_ascii=plain).encode(errors="replace")
    same = json.loads(body)

    ask = read_ask(body)
    changed = json.loads(with_model(body, ask, new))

    assert ask.model == same["model"]
    assert changed == same | {"model": new}


PIECES = st.sampled_from(
    [
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\\",
        b"model",
        b'"model":',
        b"1e5",
        b"-",
    ]
)


@given(st.binary() | st.lists(PIECES | st.binary(max_size=2)).map(b"".join))
def test_no_bytes_are_too_odd(body: bytes) -> None:
    for text in (body, b"{" + body, b'{"model":' + body):
        ask = read_ask(text)
        ask.model.encode()
        changed = with_model(text, ask, "new")
        if ask.span is not None:
            assert read_ask(changed).model == "new"


HEADERS = (
    (b"host", b"me"),
    (b"user-agent", b"curl"),
    (b"accept", b"a"),
    (b"accept", b"b"),
    (b"authorization", b"Bearer x"),
)


def test_ordinary_headers_pass_as_they_are() -> None:
    assert forward_headers(HEADERS, None) == list(HEADERS)
    assert answer_headers(HEADERS) == list(HEADERS)


@pytest.mark.parametrize(
    "name",
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ],
)
def test_headers_for_one_hop_stay_behind(name: bytes) -> None:
    assert forward_headers([*HEADERS, (name, b"x")], None) == list(HEADERS)
    assert answer_headers([(name, b"x"), *HEADERS]) == list(HEADERS)


def test_headers_named_in_connection_stay_behind() -> None:
    headers = [
        *HEADERS,
        (b"connection", b"close, X-Hop"),
        (b"connection", b"x-two"),
        (b"x-hop", b"1"),
    ]

    assert forward_headers([*headers, (b"x-two", b"2")], None) == list(HEADERS)
    assert answer_headers([*headers, (b"x-two", b"2")]) == list(HEADERS)


def test_nobody_may_take_the_host_away() -> None:
    headers = [(b"host", b"me"), (b"connection", b"Host, Keep-Alive")]

    assert forward_headers(headers, None) == [(b"host", b"me")]


def test_relay_frames_the_body_by_itself() -> None:
    headers = [(b"content-length", b"3"), (b"expect", b"100-continue"), (b"content-type", b"x")]

    assert forward_headers(headers, None) == [(b"content-type", b"x")]
    assert answer_headers(headers[:1]) == [(b"content-length", b"3")]


@pytest.mark.parametrize(
    ("headers", "client", "expected"),
    [
        ([], "10.0.0.1", [(b"x-forwarded-for", b"10.0.0.1")]),
        ([(b"x-forwarded-for", b"a, b")], "c", [(b"x-forwarded-for", b"a, b, c")]),
        (
            [(b"x-forwarded-for", b"a"), (b"x-forwarded-for", b"b")],
            "c",
            [(b"x-forwarded-for", b"a, b, c")],
        ),
        ([(b"x-forwarded-for", b"a")], None, [(b"x-forwarded-for", b"a")]),
        (
            [(b"x-forwarded-for", b"a"), (b"connection", b"x-forwarded-for")],
            "c",
            [(b"x-forwarded-for", b"c")],
        ),
    ],
    ids=["first", "appended", "lines joined", "client unknown", "named in connection"],
)
def test_way_of_a_request_is_written_down(
    headers: list[tuple[bytes, bytes]], client: str | None, expected: list[tuple[bytes, bytes]]
) -> None:
    assert forward_headers(headers, client) == expected


def test_trailers_are_still_accepted() -> None:
    assert forward_headers([(b"te", b"gzip, Trailers")], None) == [(b"te", b"trailers")]


@pytest.mark.parametrize("kind", [b"text/event-stream", b"Text/Event-Stream; charset=utf-8"])
def test_event_stream_is_not_to_be_held_back(kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"x-accel-buffering", b"yes"), (b"server", b"x")]

    assert answer_headers(headers) == [
        (b"content-type", kind),
        (b"server", b"x"),
        (b"x-accel-buffering", b"no"),
    ]


def test_other_answers_may_be_held_back() -> None:
    headers = [(b"content-type", b"application/json"), (b"x-accel-buffering", b"yes")]

    assert answer_headers(headers) == headers
