"""TLS for what listens: one certificate and its key, read from files."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import trio
from attrs import frozen

from llamaswap.errors import ListenError


@frozen
class TlsFiles:
    """A certificate (with its chain) and its private key, both PEM."""

    certificate: Path
    key: Path


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """Return what a server needs to speak TLS 1.2 and newer, HTTP/2 preferred.

    Raises:
      ListenError: the files cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
    except OSError as exc:  # `ssl.SSLError` is one too
        raise ListenError(
            f"the certificate {files.certificate} and the key {files.key} cannot be used:"
            f" {exc.strerror or exc}; expected PEM files that belong together"
        ) from exc
    return context


def secured(
    listeners: Sequence[trio.SocketListener], context: ssl.SSLContext
) -> list[trio.SSLListener[trio.SocketStream]]:
    """Make listeners speak TLS."""
    return [trio.SSLListener(each, context, https_compatible=True) for each in listeners]
