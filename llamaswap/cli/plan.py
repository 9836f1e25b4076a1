"""``llama-swap plan``: what a reload of these files would do to a running instance.

The files are read here, so ``${env.NAME}`` is what it is here: run it with the
environment of the instance. The comparing is done there (see
`llamaswap.web.proposals` for why); nothing is changed by it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
from attrs import define

from llamaswap.cli.check import require_source, source_flags
from llamaswap.cli.faults import report_of, say_faults
from llamaswap.cli.instance import KEY_HELP, Question, add_url_flag, ask, url_of
from llamaswap.config.load import attempt_config
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, SwapError
from llamaswap.fleet import refuse_unusable
from llamaswap.web.proposals import proposal_of

REASONS = {"keep": "the same process", "remove": "not in these files", "add": "new"}


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
    attempt = attempt_config(options.config, config_dir=options.config_dir)
    try:
        config = attempt.loaded()
        refuse_unusable(config)
        document = trio.run(ask, url_of(options.url), question_of(config))
    except ConfigError as exc:
        if options.json:
            print(report_of(exc.faults, attempt.warnings))
        else:
            say_faults(exc.faults, "")
            say_faults(attempt.warnings, "warning")
        return 1
    except SwapError as exc:
        print(f"llama-swap plan: {exc}", file=sys.stderr)
        return 1
    print(json.dumps(document, indent=2) if options.json else table(document["changes"]))
    return 0


def _options_of(arguments: Sequence[str]) -> _Options:
    parser = source_flags(
        "llama-swap plan", "Say what a reload of these files would do to a running instance."
    )
    parser.epilog = (
        "${env.NAME} in the files is what NAME is for this command, not for the instance: run it "
        f"with the environment of the instance. {KEY_HELP} "
        "Exit status: 0 if there is a plan, whatever it says; 1 if the files have faults, or no "
        "instance answers with a plan; 2 if the command is used wrongly."
    )
    add_url_flag(parser)
    parser.add_argument(
        "-json", "--json", action="store_true", help="print the plan, or the faults, for programs"
    )
    options = parser.parse_args(list(arguments), _Options())
    require_source(parser, options.config, options.config_dir)
    return options


def question_of(config: Config) -> Question:
    """Ask what a reload to ``config`` would do."""
    return Question("plan a reload", "changes", "/api/plan", "POST", proposal_of(config))


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
