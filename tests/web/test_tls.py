"""TLS: HTTP/2 and HTTP/1.1 over a real socket, and files that cannot be used."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trio

from llamaswap.errors import ListenError
from llamaswap.web.server import open_listeners, urls_of
from llamaswap.web.tls import TlsFiles, secured, tls_context

PEM = Path(__file__).parents[1] / "relay" / "localhost.pem"
FILES = TlsFiles(PEM, PEM)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)],
)
async def test_the_protocol_is_agreed_on_in_the_handshake(
    offered: list[str], chosen: str | None
) -> None:
    listeners = secured(await open_listeners(["127.0.0.1:0"]), tls_context(FILES))
    (url,) = urls_of(listeners)
    context = ssl.create_default_context(cafile=PEM)
    if offered:
        context.set_alpn_protocols(offered)

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:

            async def accept() -> None:
                async with listeners[0], await listeners[0].accept() as stream:
                    await stream.do_handshake()

            nursery.start_soon(accept)
            port = int(url.rpartition(":")[2])
            plain = await trio.open_tcp_stream("127.0.0.1", port)
            client = trio.SSLStream(
                plain, context, server_hostname="localhost", https_compatible=True
            )
            async with client:
                await client.do_handshake()

                assert url.startswith("https://127.0.0.1:")
                assert client.selected_alpn_protocol() == chosen


def test_old_protocols_are_refused() -> None:
    assert tls_context(FILES).minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_are_not_there_are_named() -> None:
    with pytest.raises(ListenError) as caught:
        tls_context(TlsFiles(Path("/nowhere/c.pem"), Path("/nowhere/k.pem")))

    assert str(caught.value) == (
        "the certificate /nowhere/c.pem and the key /nowhere/k.pem cannot be used:"
        " No such file or directory; expected PEM files that belong together"
    )


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(ListenError, match=r"cannot be used: .*; expected PEM files"):
        tls_context(TlsFiles(wrong, wrong))
