"""``llama-swap plan``: what a reload would do to a running instance.

Without files the instance reads its own, as a reload would. Others are read here, so
``${env.NAME}`` is what it is here, and where that may be why something changes, it is
said. The comparing is always done there, with what runs (see `llamaswap.web.proposals`
for why); nothing is changed by it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import trio
from attrs import define

from llamaswap.cli.check import source_flags
from llamaswap.cli.faults import report_of, say_faults
from llamaswap.cli.instance import KEY_HELP, Question, add_url_flag, ask, url_of
from llamaswap.config.environment import REFERENCE
from llamaswap.config.load import Attempt, attempt_config
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, SwapError
from llamaswap.fleet import usable
from llamaswap.web.proposals import proposal_of

REASONS = {"keep": "the same process", "remove": "not in the files", "add": "new"}


@define
class _Options(argparse.Namespace):
    """What was asked for."""

    config: Path | None = None
    config_dir: Path | None = None
    url: str = ""
    json: bool = False


def plan(arguments: Sequence[str]) -> int:
    """Print the plan; return the exit status."""
    options = _options_of(arguments)
    attempt = _attempt(options)
    try:
        config = None if attempt is None else attempt.loaded()
        if config is not None:
            usable(config)
        document = trio.run(ask, options.url, question_of(config))
    except ConfigError as exc:
        warnings = () if attempt is None else attempt.warnings
        if options.json:
            print(report_of(exc.faults, warnings))
        else:
            say_faults(exc.faults, "")
            say_faults(warnings, "warning")
        return 1
    except SwapError as exc:
        print(f"llama-swap plan: {exc}", file=sys.stderr)
        return 1
    print(json.dumps(document, indent=2) if options.json else table(document["changes"]))
    if config is not None and (note := note_of(config, document["changes"])):
        print(note, file=sys.stderr)
    return 0


def _attempt(options: _Options) -> Attempt | None:
    """Read the files that are named; ``None``: none is."""
    if options.config is None and options.config_dir is None:
        return None
    return attempt_config(options.config, config_dir=options.config_dir)


def _options_of(arguments: Sequence[str]) -> _Options:
    parser = source_flags(
        "llama-swap plan",
        "Say what a reload would do to the processes that a running instance has: of the files "
        "that are named, or without any of the instance's own files, which it reads for that.",
    )
    parser.epilog = (
        "${env.NAME} in files that are named is what NAME is for this command, not for the "
        f"instance: run it with the environment of the instance, or name no files. {KEY_HELP} "
        "Exit status: 0 if there is a plan, whatever it says; 1 if the files have faults, or no "
        "instance answers with a plan; 2 if the command is used wrongly."
    )
    add_url_flag(parser)
    parser.add_argument(
        "-json", "--json", action="store_true", help="print the plan, or the faults, for programs"
    )
    options = parser.parse_args(list(arguments), _Options())
    options.url = url_of(options.url, parser)
    return options


def question_of(config: Config | None) -> Question:
    """Ask what a reload to ``config`` would do; ``None``: to what is in the instance's files."""
    body = b"" if config is None else proposal_of(config)
    return Question("plan a reload", "changes", "/api/plan", "POST", body)


def note_of(config: Config, changes: Iterable[Mapping[str, Any]]) -> str:
    """Name the variables of our environment that may be why something changes."""
    names = sorted({name for path in config.sources for name in _variables(path)})
    if not names or not any(change["process"] or change["at_once"] for change in changes):
        return ""
    return (
        f"llama-swap plan: {', '.join(names)} in the environment of this command may differ from "
        "the instance's, and so be all that changes; without -config it plans its own files"
    )


def _variables(path: Path) -> Iterable[str]:
    try:
        return REFERENCE.findall(path.read_bytes().decode(errors="replace"))
    except OSError:
        # It was there a moment ago.
        return ()


def table(changes: Sequence[dict[str, Any]]) -> str:
    """Write one line per model, and one that counts them."""
    width = max((len(change["model"]) for change in changes), default=0)
    lines = [f"{c['step']:<7}  {c['model']:<{width}}  {reason_of(c)}" for c in changes]
    counts = Counter(change["step"] for change in changes)
    lines.append(
        f"{counts['keep']} kept, {counts['replace']} replaced, "
        f"{counts['remove']} removed, {counts['add']} added"
    )
    return "\n".join(lines)


def reason_of(change: dict[str, Any]) -> str:
    """Say why a model is treated so, and what else changes."""
    reason = REASONS.get(change["step"]) or f"changed: {', '.join(change['process'])}"
    if change["at_once"]:
        reason += f"; applied at once: {', '.join(change['at_once'])}"
    return reason
