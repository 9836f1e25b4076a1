"""``llama-swap --config FILE``: serves until told to leave, and reloads when told to.

What goes wrong before anything is served is one sentence on stderr and exit
status 1, or 2 for an address that can never be one; what goes wrong later is a line of
the log.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import trio
from attrs import frozen

from llamaswap._version import VERSION
from llamaswap.cli.console import Console
from llamaswap.cli.faults import say_faults
from llamaswap.cli.flags import Flags
from llamaswap.cli.signals import run_reload_orders, run_signals
from llamaswap.cli.state import state_file
from llamaswap.cli.systemd import Systemd, take_address
from llamaswap.cli.watching import run_watch
from llamaswap.config.load import Attempt, attempt_config
from llamaswap.config.schema import Config
from llamaswap.config.watch import fingerprint
from llamaswap.errors import ConfigError, Fault, ListenError, SwapError
from llamaswap.fleet import usable
from llamaswap.observe.logs import ROOT_LOGGER, run_log_keeping
from llamaswap.reload import ReloadListeners, warn_of
from llamaswap.service import open_house, open_layer
from llamaswap.web.server import split_address
from llamaswap.web.tls import TlsFiles

logger: logging.Logger = logging.getLogger("llamaswap.cli")

DEFAULT_LISTEN = ":8080"
DEFAULT_TLS_LISTEN = ":8443"


@frozen
class Origin:
    """Where the configuration comes from."""

    file: Path | None
    folder: Path | None

    def load(self) -> Attempt:
        """Read it; blocks."""
        return attempt_config(self.file, config_dir=self.folder)

    def load_again(self) -> Attempt:
        """Read it once more; blocks.

        A pipe gives its text once. Read again it is empty, which would remove every
        model, or nobody writes into it, and whoever reads waits for ever.
        """
        if self.file is not None and self.file.is_fifo():
            expected, found = "a file, or a restart", "a pipe"
            message = f"{found} cannot be read a second time: a reload needs {expected}"
            fault = Fault("", message, str(self.file), expected=expected, found=found)
            return Attempt("", ConfigError((fault,)))
        return self.load()

    async def look(self) -> str | None:
        """Return the digest of what is there; ``None`` if something is missing."""
        return await trio.to_thread.run_sync(
            fingerprint, self.file, self.folder, abandon_on_cancel=True
        )


def serve(flags: Flags) -> int:
    """Serve until a signal comes; return the exit status."""
    listen = flags.text("listen")
    if listen and (reason := _no_address(listen)):
        print(f"llama-swap: {reason}", file=sys.stderr)
        return 2
    try:
        origin = _origin(flags)
        tls = _tls_files(flags)
        config = _usable(origin.load())
        listen = listen or (DEFAULT_TLS_LISTEN if tls else DEFAULT_LISTEN)
        watches = flags.switch("watch-config")
        trio.run(partial(run_until_signal, origin, config, listen, tls, watches=watches))
    except SwapError as exc:
        print(f"llama-swap: {exc}", file=sys.stderr)
        return 1
    return 0


def _no_address(text: str) -> str:
    """Say why ``text`` can never be an address to listen on; empty if it can."""
    try:
        split_address(text)
    except ListenError as exc:
        return str(exc)
    return ""


def _usable(attempt: Attempt) -> Config:
    """Return the configuration; tell the warnings also where it is refused.

    Raises:
      ConfigError: it cannot be used.
    """
    try:
        config = attempt.loaded()
        usable(config)
    except ConfigError:
        say_faults(attempt.warnings, "warning")
        raise
    return config


def _origin(flags: Flags) -> Origin:
    file, folder = flags.text("config"), flags.text("config-dir")
    if not file and not folder:
        raise SwapError("no configuration: give at least one of -config FILE and -config-dir DIR")
    return Origin(Path(file) if file else None, Path(folder) if folder else None)


def _tls_files(flags: Flags) -> TlsFiles | None:
    certificate, key = flags.text("tls-cert-file"), flags.text("tls-key-file")
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise SwapError("TLS needs both -tls-cert-file and -tls-key-file, or neither")
    return TlsFiles(Path(certificate), Path(key))


async def run_until_signal(
    origin: Origin,
    config: Config,
    listen: str,
    tls: TlsFiles | None,
    *,
    watches: bool,
) -> None:
    """Serve ``config`` until SIGINT or SIGTERM; reload from ``origin`` when told to.

    Raises:
      ListenError: the address is taken or not ours, or the certificate is bad.
    """
    logging.getLogger(ROOT_LOGGER).setLevel(logging.INFO)
    console = Console()
    systemd = Systemd(take_address(os.environ))
    reloading = ReloadListeners(systemd.reloading, systemd.ready)
    async with (
        open_layer(console.run, grace=2),
        open_layer(run_log_keeping, console.say, grace=1),
        open_layer(run_signals, console, grace=0) as orders,
        open_layer(systemd.run, grace=2),
        open_house(
            config, origin.load_again, reloading, listen=listen, tls=tls, state=state_file()
        ) as (
            swap,
            reloader,
        ),
        open_layer(run_reload_orders, orders, reloader, grace=0),
        AsyncExitStack() as stack,
    ):
        if watches:
            await stack.enter_async_context(open_layer(run_watch, origin.look, reloader, grace=0))
        warn_of(config)
        announce(swap.urls)
        keep_for_good()
        systemd.ready(swap.app.front)
        await orders.leave.wait()
        systemd.stopping()
        logger.info("leaving: finishing open requests; a second signal kills at once")


def keep_for_good() -> None:
    """Tell the garbage collector that what exists now stays: modules and the tree.

    It would look at all of it again and again, which took 5 % of a request's time.
    """
    gc.collect()
    gc.freeze()


def announce(urls: tuple[str, ...]) -> None:
    """Say where we listen, and warn where that is everywhere."""
    for url in urls:
        logger.info("llama-swap %s listens on %s", VERSION, url)
        host, _, port = url.partition("://")[2].rpartition(":")
        if host == "localhost":
            logger.info(
                "every machine that can reach this one may use it; "
                "-listen 127.0.0.1:%s restricts it to this machine",
                port,
            )
