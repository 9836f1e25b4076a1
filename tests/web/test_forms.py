"""Multipart forms: fields are found where they stand, and nothing else is touched."""

from __future__ import annotations

from contextlib import suppress
from email.parser import BytesParser
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.web.forms import FormError, find_fields, is_multipart, with_fields

TYPE = "multipart/form-data; boundary=X"


def part(disposition: str, value: bytes, *headers: str) -> bytes:
    head = "".join(f"{header}\r\n" for header in (f"Content-Disposition: {disposition}", *headers))
    return b"--X\r\n" + head.encode() + b"\r\n" + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--X--\r\n"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("multipart/form-data; boundary=X", True),
        ("Multipart/Mixed", True),
        ("application/json", False),
        ("", False),
    ],
)
def test_a_form_is_known_by_its_type(kind: str, *, expected: bool) -> None:
    assert is_multipart(kind) is expected


def values(body: bytes, kind: str = TYPE) -> list[bytes]:
    return [body[slice(*span)] for span in find_fields(body, kind, "model")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (form(part('form-data; name="model"', b"whisper")), [b"whisper"]),
        (form(part("form-data; name=model", b"a b")), [b"a b"]),
        (form(part('form-data; name="model"', b"a", "Content-Type: text/plain")), [b"a"]),
        (form(part('form-data; name="model"; filename="m"', b"a file")), []),
        (form(part('form-data; name="models"', b"a")), []),
        (form(part('form-data; name="model"', b"")), []),
        (
            form(part('form-data; name="model"', b"a"), part('form-data; name="model"', b"b")),
            [b"a", b"b"],
        ),
        (form(part('form-data; name="file"; filename="f"', b"\r\n--Y\r\n--X-not\r\n")), []),
    ],
)
def test_only_fields_of_that_name_are_found(body: bytes, found: list[bytes]) -> None:
    assert values(body) == found


def test_a_quoted_boundary_is_understood() -> None:
    body = form(part('form-data; name="model"', b"a"))

    assert values(body, 'multipart/form-data; charset=utf-8; boundary="X"') == [b"a"]


def test_a_header_of_a_part_may_stand_before_its_disposition() -> None:
    body = b'--X\r\nX-A: b\r\ncontent-disposition: form-data; name="model"\r\n\r\na\r\n--X--\r\n'

    assert values(body) == [b"a"]


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"--X--", "multipart/form-data", "its content type names no boundary"),
        (
            part('form-data; name="model"', b"a"),
            TYPE,
            "it ends before its last boundary",
        ),
        (b"hello", TYPE, "."),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, kind: str, message: str) -> None:
    with pytest.raises(FormError, match=message):
        find_fields(body, kind, "model")


def test_a_value_cannot_become_a_boundary() -> None:
    body = form(part('form-data; name="model"', b"a"))
    changed = with_fields(body, find_fields(body, TYPE, "model"), b"a\r\n--X--")

    assert values(changed) == [b"a--X--"]


NAMES = st.sampled_from(["model", "file", "prompt"])
VALUES = st.binary(max_size=40).filter(lambda value: b"--X" not in value and value)


@given(st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=5))
def test_renaming_changes_the_fields_and_nothing_else(
    parts: list[tuple[str, bytes, bool]],
) -> None:
    def written(new: bytes | None) -> bytes:
        return form(
            *(
                part(
                    f'form-data; name="{name}"' + ('; filename="f"' if is_file else ""),
                    new if new and name == "model" and not is_file else value,
                )
                for name, value, is_file in parts
            )
        )

    body = written(None)
    assert with_fields(body, find_fields(body, TYPE, "model"), b"new") == written(b"new")


@given(st.lists(st.tuples(NAMES, st.text("abc \t,;", min_size=1, max_size=9)), min_size=1))
def test_the_standard_library_reads_the_same(parts: list[tuple[str, str]]) -> None:
    body = form(*(part(f'form-data; name="{name}"', value.encode()) for name, value in parts))
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {TYPE}\r\n\r\n".encode() + body)
    expected = [
        each.get_payload(decode=True)
        for each in message.iter_parts()
        if each.get_param("name", header="content-disposition") == "model"
    ]

    assert values(body) == expected


@given(st.binary(max_size=200), st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_bytes_and_no_type_are_too_odd(body: bytes, options: str) -> None:
    for kind in (TYPE, f"multipart/form-data; {options}"):
        for text in (body, b"--X\r\n" + body, b"--X\r\nContent-Disposition: " + body):
            with suppress(FormError):
                assert all(text[slice(*span)] for span in find_fields(text, kind, "model"))
