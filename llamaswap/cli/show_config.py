"""``llama-swap config``: what the configuration means."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from attrs import define

from llamaswap.cli.check import require_source, source_flags
from llamaswap.cli.faults import say_faults
from llamaswap.config.dump import dump
from llamaswap.config.effective import effective
from llamaswap.config.load import attempt_config
from llamaswap.config.schema import Config
from llamaswap.config.sources import to_text
from llamaswap.errors import ConfigError


@define
class _Options(argparse.Namespace):
    """What was asked for."""

    config: Path | None = None
    config_dir: Path | None = None
    json: bool = False
    loadable: bool = False
    show_secrets: bool = False


def show_config(arguments: Sequence[str]) -> int:
    """Print the effective configuration; return the exit status."""
    options = _options_of(arguments)
    attempt = attempt_config(options.config, config_dir=options.config_dir)
    say_faults(attempt.warnings, "warning")
    try:
        print(_text(attempt.loaded(), options))
    except ConfigError as exc:
        say_faults(exc.faults, "")
        return 1
    return 0


def _text(config: Config, options: _Options) -> str:
    if options.loadable:
        return dump(config).rstrip("\n")
    values = effective(config, show_secrets=options.show_secrets)
    return json.dumps(values, indent=2) if options.json else to_text(values).rstrip("\n")


def _options_of(arguments: Sequence[str]) -> _Options:
    parser = source_flags(
        "llama-swap config",
        "Print what a configuration means: files merged, macros and ports filled in, with what is "
        "inherited and the defaults.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        *("-loadable", "--loadable"),
        action="store_true",
        help="print a file that loads as the same configuration: keys included, ports by ${PORT}",
    )
    form.add_argument(
        "-json",
        "--json",
        action="store_true",
        help="print JSON, not YAML; faults stay text on stderr",
    )
    parser.add_argument(
        *("-show-secrets", "--show-secrets"), action="store_true", help="print keys, too, not ***"
    )
    options = parser.parse_args(list(arguments), _Options())
    require_source(parser, options.config, options.config_dir)
    return options
