"""``llama-swap --config FILE``: serves until told to leave, and reloads when told to.

What goes wrong before anything is served is one sentence on stderr and exit
status 1; what goes wrong later is a line of the log.
"""

from __future__ import annotations

import gc
import logging
import sys
from pathlib import Path

import trio

from llamaswap._version import VERSION
from llamaswap.cli.console import Console
from llamaswap.cli.flags import Flags
from llamaswap.cli.signals import Orders, run_signals
from llamaswap.config.load import load_config
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, SwapError
from llamaswap.observe.logs import ROOT_LOGGER, run_log_keeping
from llamaswap.service import SwapRouter, open_layer, open_swap_router, refuse_unusable
from llamaswap.web.tls import TlsFiles

logger: logging.Logger = logging.getLogger("llamaswap.cli")

DEFAULT_LISTEN = ":8080"
DEFAULT_TLS_LISTEN = ":8443"


def serve(flags: Flags) -> int:
    """Serve until a signal comes; return the exit status."""
    try:
        path = _config_path(flags)
        tls = _tls_files(flags)
        config = load_config(path)
        refuse_unusable(config)
        listen = flags.text("listen") or (DEFAULT_TLS_LISTEN if tls else DEFAULT_LISTEN)
        trio.run(run_until_signal, path, config, listen, tls)
    except SwapError as exc:
        print(f"llama-swap: {exc}", file=sys.stderr)
        return 1
    return 0


def _config_path(flags: Flags) -> Path:
    if "config-dir" in flags.texts:
        raise SwapError("-config-dir is not supported yet; leave it out")
    if flags.switch("watch-config"):
        raise SwapError("-watch-config is not supported yet; send SIGHUP to reload")
    if not flags.text("config"):
        raise SwapError("no configuration: say which file to use with -config FILE")
    return Path(flags.text("config"))


def _tls_files(flags: Flags) -> TlsFiles | None:
    certificate, key = flags.text("tls-cert-file"), flags.text("tls-key-file")
    if not certificate and not key:
        return None
    if not certificate or not key:
        raise SwapError("TLS needs both -tls-cert-file and -tls-key-file, or neither")
    return TlsFiles(Path(certificate), Path(key))


async def run_until_signal(path: Path, config: Config, listen: str, tls: TlsFiles | None) -> None:
    """Serve ``config`` until SIGINT or SIGTERM; reload ``path`` at SIGHUP.

    Raises:
      ListenError: the address is taken or not ours, or the certificate is bad.
    """
    logging.getLogger(ROOT_LOGGER).setLevel(logging.INFO)
    console = Console()
    async with (
        open_layer(console.run, grace=2),
        open_layer(run_log_keeping, console.say, grace=1),
        open_layer(run_signals, console, grace=0) as orders,
        open_swap_router(config, listen=listen, tls=tls) as swap,
        open_layer(run_reloads, path, swap, orders, grace=0),
    ):
        warn_of(config)
        announce(swap.urls)
        keep_for_good()
        await orders.leave.wait()
        logger.info("leaving: finishing open requests; a second signal kills at once")


def keep_for_good() -> None:
    """Tell the garbage collector that what exists now stays: modules and the tree.

    It would look at all of it again and again, which took 5 % of a request's time.
    """
    gc.collect()
    gc.freeze()


async def run_reloads(
    _leaving: trio.Event,
    path: Path,
    swap: SwapRouter,
    orders: Orders,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Reload ``path`` whenever that is ordered, until cancelled; a fault changes nothing."""
    task_status.started()
    while True:
        await orders.next_reload()
        try:
            config = await trio.to_thread.run_sync(load_config, path, abandon_on_cancel=True)
            warn_of(config)
            await swap.reload(config)
        except ConfigError as exc:
            logger.warning("reload: the old configuration stays, because of: %s", exc)
        except SwapError as exc:
            logger.warning("reload: the new configuration is in force, but: %s", exc)


def warn_of(config: Config) -> None:
    """Say what is odd in a configuration and keeps nobody from serving it."""
    for fault in config.warnings:
        logger.warning("configuration: %s", fault)


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
