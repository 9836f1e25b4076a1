"""``llama-swap check``: is the configuration right?

Also the home of what its sister ``config`` shares: the flags that say which
configuration is meant. Imports no more than it needs, so that it answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from attrs import define

from llamaswap.cli.faults import report_of, say_faults
from llamaswap.config.load import Attempt, attempt_config
from llamaswap.config.soundness import unsupported, without_behaviour
from llamaswap.errors import ConfigError, Fault

STATUSES = "Exit status: 0 fine, 1 faults, which are told on stderr, 2 wrong usage."
"""Said by the help of each command that reads a configuration."""


@define
class _Options(argparse.Namespace):
    """What was asked for."""

    config: Path | None = None
    config_dir: Path | None = None
    strict: bool = False
    json: bool = False


def check(arguments: Sequence[str]) -> int:
    """Tell what is wrong with a configuration; return the exit status."""
    options = _options_of(arguments)
    attempt = attempt_config(options.config, config_dir=options.config_dir)
    faults = attempt.outcome.faults if isinstance(attempt.outcome, ConfigError) else ()
    warnings = (*attempt.warnings, *_refusals(attempt))
    if options.strict:
        faults, warnings = (*faults, *warnings), ()
    if options.json:
        print(report_of(faults, warnings))
        if faults or warnings:
            print(f"llama-swap check: {_summary(faults, warnings)}", file=sys.stderr)
    else:
        say_faults(faults, "")
        say_faults(warnings, "warning")
    return 1 if faults else 0


def _refusals(attempt: Attempt) -> list[Fault]:
    """Say which keys keep the configuration from being served, although they can be read."""
    faults = (unsupported((key,), attempt.draft) for key in without_behaviour(attempt.draft))
    return sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column))


def source_flags(prog: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of the flags that say which configuration is meant."""
    parser = argparse.ArgumentParser(
        prog=prog, description=description, epilog=STATUSES, allow_abbrev=False
    )
    add = parser.add_argument
    add(*("-config", "--config"), type=given_path, metavar="FILE", help="a YAML configuration")
    add(
        *("-config-dir", "--config-dir"),
        type=given_path,
        metavar="DIR",
        help="a folder whose *.yml and *.yaml files are merged on top",
    )
    return parser


def given_path(text: str) -> Path:
    """Return the path that a flag is given; for `argparse`, which tells that there is none."""
    # An empty one mostly comes from a variable that is not set; it would mean the
    # current folder.
    if not text:
        raise argparse.ArgumentTypeError("expected a path, found an empty text")
    return Path(text)


def require_source(
    parser: argparse.ArgumentParser, config: Path | None, config_dir: Path | None
) -> None:
    """Leave with the usage if neither a file nor a folder is given."""
    if config is None and config_dir is None:
        parser.error("give at least one of -config FILE and -config-dir DIR")


def _options_of(arguments: Sequence[str]) -> _Options:
    parser = source_flags(
        "llama-swap check", "Tell what is wrong with a configuration, all of it at once, on stderr."
    )
    parser.add_argument(
        *("-strict", "--strict"), action="store_true", help="warnings are faults, too"
    )
    parser.add_argument(
        *("-json", "--json"),
        action="store_true",
        help="print faults and warnings as JSON to stdout, and their numbers to stderr",
    )
    options = parser.parse_args(list(arguments), _Options())
    require_source(parser, options.config, options.config_dir)
    return options


def _summary(faults: Sequence[Fault], warnings: Sequence[Fault]) -> str:
    numbers = {"fault": len(faults), "warning": len(warnings)}
    return ", ".join(
        f"{number} {word}{'' if number == 1 else 's'}" for word, number in numbers.items()
    )
