# pyright: basic, reportAttributeAccessIssue=false, reportMissingTypeStubs=false
# (the wheel of xllamacpp carries no types)
"""A llama.cpp server from a wheel, for machines without ``llama-server``.

Run as a process of its own by ``llama-swap demo``. It takes those flags of
``llama-server`` that the demo uses, and serves the same HTTP API.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one model until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="demo_server", description=__doc__)
    parser.add_argument("--model", required=True, help="path of a GGUF file")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--alias", default="", help="the name that answers carry")
    parser.add_argument("--ctx-size", type=int, default=2048, help="tokens of context")
    parser.add_argument("--temp", type=float, default=0.8, help="sampling temperature")
    options = parser.parse_args(arguments)

    # The signals' own effect ends us at once. Python's handlers would wait for the
    # library, whose end takes for ever when it loads or generates.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        import xllamacpp  # noqa: PLC0415 - an extra; its absence gets a sentence
    except ImportError:
        print("xllamacpp is missing: pip install 'llamaswap[demo]'", file=sys.stderr)
        return 1
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.hostnames = [options.host]
    params.port = options.port
    params.n_ctx = options.ctx_size
    params.sampling.temp = options.temp
    if options.alias:
        params.model_alias = {options.alias}
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
