"""Which model a request means, and what is said when it means none."""

from __future__ import annotations

from threading import get_ident

import pytest

from llamaswap.errors import UnknownModelError
from llamaswap.policy.naming import Names
from llamaswap.policy.rewrites import Ask, read_ask
from llamaswap.policy.rules import ModelId
from llamaswap.web import admission
from llamaswap.web.admission import (
    READ_AT_ONCE,
    Admitted,
    UnnamedModelError,
    admit,
    known_models,
    meaning_of,
)
from tests.fakes import A, B
from tests.web.asgi_calls import Call

NAMES = Names.of({A: ("alias", "1.5"), B: ()})
FORM = "application/x-www-form-urlencoded"


async def admitted(
    method: str = "POST", query: str = "", kind: str | None = None, body: bytes = b""
) -> Admitted:
    headers = {} if kind is None else {"content-type": kind}
    return await admit(Call(method, f"/x?{query}", headers, body).new_request(), NAMES)


# Method, query, content type, body, the model that is meant.
UNDERSTOOD: dict[str, tuple[str, str, str | None, bytes, ModelId]] = {
    "a query": ("GET", "model=a", None, b"", A),
    "the first of a query": ("GET", "x=1&model=b&model=a", None, b"", B),
    "a HEAD like a GET": ("HEAD", "model=a", None, b"", A),
    "a GET is not asked for its body": ("GET", "model=a", "application/json", b'{"model":"b"}', A),
    "JSON": ("POST", "", "application/json", b'{"model":"a"}', A),
    "JSON hides the query": ("POST", "model=b", "application/json", b'{"model":"a"}', A),
    "JSON with a charset": ("POST", "", "application/json; charset=utf-8", b'{"model":"b"}', B),
    "JSON in capitals": ("POST", "", "Application/JSON", b'{"model":"a"}', A),
    "JSON of a kind": ("POST", "", "application/vnd.api+json", b'{"model":"a"}', A),
    "an alias": ("POST", "", "application/json", b'{"model":"alias"}', A),
    "a number": ("POST", "", "application/json", b'{"model":1.50}', A),
    "JSON behind a mark": ("POST", "", "application/json", b'\xef\xbb\xbf{"model":"a"}', A),
    "JSON that is cut later": ("POST", "", "application/json", b'{"model":"a","m":[{', A),
    "JSON without a type": ("POST", "", None, b' {"model":"a"}', A),
    "JSON posted by curl": ("POST", "", FORM, b'{"model":"a"}', A),
    "a form": ("POST", "", FORM, b"x=1&model=b", B),
    "a form hides the query": ("POST", "model=b", FORM, b"model=a", A),
    "a form without it": ("POST", "model=b", FORM, b"x=1", B),
    "a query of something else": ("POST", "model=b", "audio/wav", b"RIFF", B),
    "a query without a body": ("POST", "model=b", None, b"", B),
}


@pytest.mark.parametrize(
    ("method", "query", "kind", "body", "model"), UNDERSTOOD.values(), ids=UNDERSTOOD
)
async def test_the_model_is_found(
    method: str, query: str, kind: str | None, body: bytes, model: ModelId
) -> None:
    found = await admitted(method, query, kind, body)

    assert found.meaning.wanted == model
    assert (found.query, found.body) == (query.encode(), body)


MULTIPART = "multipart/form-data; boundary=X"
PARTS = (
    b'--X\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n'
    b"Content-Type: audio/wav\r\n\r\naudio\r\n"
    b'--X\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n--X--\r\n'
)

# Method, query, content type and body with ``{}`` where the name stands.
RENAMED: dict[str, tuple[str, str, str | None, bytes]] = {
    "a query": ("GET", "z=%2f&model={}&y", None, b""),
    "a HEAD like a GET": ("HEAD", "model={}", None, b""),
    "JSON": ("POST", "", "application/json", b'{ "model" : "{}", "n": 1.0 }'),
    "JSON leaves the query alone": ("POST", "model=a", "application/json", b'{"model":"{}"}'),
    "a form": ("POST", "", FORM, b"z=%2f&model={}&y"),
    "a form and its query": ("POST", "model={}", FORM, b"model={}"),
    "a form with the name in the query": ("POST", "z&model={}", FORM, b"z=%2f"),
    "a multipart form": ("POST", "", MULTIPART, PARTS % b"{}"),
    "a multipart form and its query": ("POST", "model={}", MULTIPART, PARTS % b"{}"),
    "a query of something else": ("POST", "model={}", "audio/wav", b"RIFF{"),
    "a query without a body": ("DELETE", "model={}", None, b""),
}


@pytest.mark.parametrize(("method", "query", "kind", "body"), RENAMED.values(), ids=RENAMED)
async def test_another_name_is_written_where_the_old_one_stands(
    method: str, query: str, kind: str | None, body: bytes
) -> None:
    def named(name: str) -> tuple[str, bytes]:
        return query.replace("{}", name), body.replace(b"{}", name.encode())

    before, after = named("a"), named("large-v3")
    found = await admitted(method, before[0], kind, before[1])

    assert found.meaning.wanted == A
    assert found.named("large-v3") == (after[0].encode(), after[1])
    assert found.named("a") == (before[0].encode(), before[1])


@pytest.mark.parametrize("size", [READ_AT_ONCE, READ_AT_ONCE + 1])
async def test_a_large_body_is_searched_beside_the_event_loop(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[int] = []

    def read(body: bytes) -> Ask:
        readers.append(get_ident())
        return read_ask(body)

    monkeypatch.setattr(admission, "read_ask", read)
    body = b'{"model":"a"}'.ljust(size)
    found = await admitted(kind="application/json", body=body)

    assert found.meaning.wanted == A
    assert (readers == [get_ident()]) == (size == READ_AT_ONCE)


async def test_a_long_name_is_not_repeated_to_its_end() -> None:
    body = b'{"model":"%b"}' % (b"x" * 1000)
    with pytest.raises(UnknownModelError) as caught:
        await admitted(kind="application/json", body=body)

    assert str(caught.value) == (
        f"no router for requested model: nothing here is called '{'x' * 200}'... (there is a, b)"
    )


UNNAMED = {
    "a query without it": ("GET", "x=1", None, b"", 'the query has no "model"'),
    "an empty name": ("GET", "model=", None, b"", 'the query has no "model"'),
    "no body": ("POST", "", "application/json", b" ", "the body is empty"),
    "JSON without it": (
        "POST",
        "model=a",
        "application/json",
        b'{"messages":[]}',
        'the JSON body names no "model"',
    ),
    "null": (
        "POST",
        "",
        "application/json",
        b'{"model":null}',
        'the JSON body names no "model"',
    ),
    "an array": (
        "POST",
        "",
        "application/json",
        b'[{"model":"a"}]',
        "the body is not a JSON object",
    ),
    "no JSON at all": (
        "POST",
        "",
        "application/json",
        b"hello",
        "the body is not a JSON object",
    ),
    "broken JSON": (
        "POST",
        "",
        "application/json",
        b'{"\n',
        "the body is not valid JSON (Invalid control character at: line 1 column 3 (char 2))",
    ),
    "JSON too large to explain": (
        "POST",
        "",
        "application/json",
        b"{'x':" + b" " * 65536,
        'the JSON body names no "model"',
    ),
    "a form without it": (
        "POST",
        "",
        FORM,
        b"x=1",
        'neither the form nor the query has a "model"',
    ),
    "an empty name hides the query": (
        "POST",
        "model=a",
        FORM,
        b"model=",
        'neither the form nor the query has a "model"',
    ),
    "a multipart form without a model": (
        "POST",
        "",
        "multipart/form-data; boundary=X",
        b'--X\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n--X--\r\n',
        'neither the form nor the query has a "model"',
    ),
    "a multipart form without a boundary": (
        "POST",
        "",
        "multipart/form-data",
        b"--X",
        "the multipart form cannot be read (its content type names no boundary)",
    ),
    "a multipart form that is cut": (
        "POST",
        "",
        "multipart/form-data; boundary=X",
        b'--X\r\nContent-Disposition: form-data; name="model"\r\n\r\na',
        "the multipart form cannot be read (it ends before its last boundary)",
    ),
    "another type": (
        "POST",
        "",
        "text/plain;charset=UTF-8",
        b'{"model":"a"}',
        "a body of type text/plain;charset=UTF-8 is not read; send JSON as application/json",
    ),
    "no type": (
        "POST",
        "",
        None,
        b"hello",
        "a body of type unknown is not read; send JSON as application/json",
    ),
}


@pytest.mark.parametrize(
    ("method", "query", "kind", "body", "reason"), UNNAMED.values(), ids=UNNAMED
)
async def test_a_request_without_a_model_hears_why(
    method: str, query: str, kind: str | None, body: bytes, reason: str
) -> None:
    with pytest.raises(UnnamedModelError) as caught:
        await admitted(method, query, kind, body)

    assert str(caught.value) == f"no model id could be identified: {reason}"
    assert caught.value.status_hint == 404


async def test_json_that_is_too_deep_is_refused_like_any_other() -> None:
    with pytest.raises(UnnamedModelError, match="the body is not valid JSON"):
        await admitted(kind="application/json", body=b'{"x":' + b"[" * 30_000)


async def test_of_a_multipart_form_the_query_comes_first() -> None:
    found = await admitted(query="model=b", kind=MULTIPART, body=PARTS % b"a")

    assert found.meaning.wanted == B


def test_a_name_that_the_profile_disables_is_told_so() -> None:
    with pytest.raises(UnnamedModelError) as caught:
        meaning_of(NAMES.under({"a": None}), "a")

    assert str(caught.value) == ("no model id could be identified: the active profile disables 'a'")


def test_an_unknown_name_hears_which_there_are() -> None:
    with pytest.raises(UnknownModelError) as caught:
        meaning_of(NAMES, "A")

    assert str(caught.value) == (
        "no router for requested model: nothing here is called 'A' (there is a, b)"
    )


def test_a_long_list_of_models_is_cut() -> None:
    assert known_models(Names.of({})) == "there is none"
    assert known_models(Names.of({ModelId(f"m{n}"): () for n in range(8)})) == (
        "there is m0, m1, m2, m3, m4, m5, m6, m7"
    )
    assert known_models(Names.of({ModelId(f"m{n}"): () for n in range(9)})) == (
        "there is m0, m1, m2, m3, m4, m5, m6, m7, …"
    )
