"""``llama-swap simulate``: what a configuration would make of some traffic, before it is used.

The very scheduler of a running instance, on a virtual clock. Nothing is started
and nobody is asked. Keys without behaviour yet are no fault here: they do not
decide who waits.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from attrs import define, evolve, field, frozen

from llamaswap.cli import simulate_tables as tables
from llamaswap.cli.check import STATUSES, given_path, require_source, source_flags
from llamaswap.cli.faults import say_faults
from llamaswap.cli.traces import (
    Entry,
    TraceError,
    entries_of_file,
    entries_of_store,
    understand,
)
from llamaswap.cli.usual_times import Given, TimesError, Wishes, read_times
from llamaswap.config.load import load_config
from llamaswap.config.names import local_names, misnamed
from llamaswap.config.schema import Config
from llamaswap.errors import ConfigError, SwapError
from llamaswap.fleet import fleet_of
from llamaswap.policy.simulation import Times
from llamaswap.policy.simulation import simulate as play
from llamaswap.policy.simulation_report import Report
from llamaswap.policy.synthetic import Kind, Spec, SpecError, traffic
from llamaswap.web.front import Snapshot

MOST_NAMES = 10
"""Names that mean nobody and are told one by one."""

EPILOG = f"""\
A trace is a file of JSON objects, one a line, or a CSV whose first line is
time,model,duration: the time in seconds or ISO 8601, the model's id or alias or a
selector, and how long it was served in seconds, which may be left out. SPEC is a kind of traffic
({", ".join(kind.value for kind in Kind)}) and settings, like
zipf:models=6,requests=1000,seconds=600,service=0.5,seed=1 (also: skew for zipf; length and
interruptions for sessions). A store keeps the whole duration of a request; the
time that it was served is taken from its tokens and their speeds, if those are known.

{STATUSES}
"""


_SECONDS = {
    "load": ("a load", "10"),
    "stop": ("a stop", "0"),
    "service": ("a request", "as in the trace, else 1"),
}
"""The flags that take seconds: what takes so long, and how long if nobody says."""


@define
class _Options(argparse.Namespace):
    """What was asked for."""

    config: Path | None = None
    config_dir: Path | None = None
    against: Path | None = None
    trace: Path | None = None
    store: Path | None = None
    synthetic: Spec | None = None
    times: Path | None = None
    load: list[str] = field(factory=list[str])
    stop: list[str] = field(factory=list[str])
    service: list[str] = field(factory=list[str])
    timeline: bool = False
    json: bool = False


@frozen
class _Played:
    """One configuration, and what it has made of the traffic."""

    file: str
    times: Times
    report: Report


def simulate(arguments: Sequence[str]) -> int:
    """Play traffic and print what became of it; return the exit status."""
    options, wishes = _options_of(arguments)
    try:
        config = load_config(options.config, config_dir=options.config_dir)
        other = None if options.against is None else load_config(options.against)
        if options.times is not None:
            wishes = evolve(wishes, learned=read_times(options.times))
        entries = _entries(options, config)
        names = local_names(config.models) | ({} if other is None else local_names(other.models))
        wishes.require_names(names)
        played = _play(str(options.config or options.config_dir), config, entries, wishes)
        rival = None if other is None else _play(str(options.against), other, entries, wishes)
    except ConfigError as exc:
        say_faults(exc.faults, "")
        return 1
    except (SwapError, SpecError) as exc:
        print(f"llama-swap simulate: {exc}", file=sys.stderr)
        return 1
    print(_document(played, rival, options) if options.json else _text(played, rival, options))
    return 0


def _options_of(arguments: Sequence[str]) -> tuple[_Options, Wishes]:
    parser = source_flags(
        "llama-swap simulate", "Say how long who would wait, and what would be swapped."
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add(*("-against", "--against"), type=given_path, metavar="FILE", help="compare with it")
    source = parser.add_mutually_exclusive_group(required=True)
    for name, what in (("trace", "a trace file"), ("store", "an activity store (SQLite)")):
        source.add_argument(*(f"-{name}", f"--{name}"), type=given_path, metavar="FILE", help=what)
    source.add_argument(
        *("-synthetic", "--synthetic"), type=_spec, metavar="SPEC", help="requests by chance"
    )
    add(
        *("-times", "--times"),
        type=given_path,
        metavar="FILE",
        help="times an instance has learned",
    )
    for name, (what, default) in _SECONDS.items():
        add(
            *(f"-{name}", f"--{name}"),
            action="append",
            metavar="[MODEL=]SECONDS",
            help=f"how long {what} takes (default: {default}); repeatable",
        )
    add(*("-timeline", "--timeline"), action="store_true", help="tell what ran when, and why")
    add(*("-json", "--json"), action="store_true", help="print it for programs")
    options = parser.parse_args(list(arguments), _Options())
    require_source(parser, options.config, options.config_dir)
    try:
        wishes = Wishes(
            Given.of("--load", options.load),
            Given.of("--stop", options.stop),
            Given.of("--service", options.service),
        )
    except TimesError as exc:
        parser.error(str(exc))
    return options, wishes


def _spec(text: str) -> Spec:
    try:
        return Spec.parse(text)
    except SpecError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _entries(options: _Options, config: Config) -> Sequence[Entry]:
    """Return the requests that are to be played."""
    if options.trace is not None:
        return entries_of_file(options.trace)
    if options.store is not None:
        return entries_of_store(options.store)
    spec = options.synthetic
    assert spec is not None, "one of the three is required"
    # No secret: the same seed must give the same requests.
    chance = Random(spec.seed).random  # noqa: S311
    requests = traffic(spec, tuple(config.models), chance)
    return [Entry(moment, str(model), service) for moment, model, service in requests]


def _play(file: str, config: Config, entries: Sequence[Entry], wishes: Wishes) -> _Played:
    names = local_names(config.models)
    meant = understand(entries, Snapshot.of(config).names)
    for name, count in sorted(meant.skipped.items())[:MOST_NAMES]:
        unknown = misnamed("no model is called {found}", name, {*names, *config.selectors})
        print(f"warning: {file}: {unknown}; requests skipped: {count}", file=sys.stderr)
    if len(meant.skipped) > MOST_NAMES:
        more = len(meant.skipped) - MOST_NAMES
        print(f"warning: {file}: {more} more names mean nobody", file=sys.stderr)
    if meant.is_empty:
        raise TraceError(f"nothing to play: no request is for a model of {file}")
    times = wishes.times(names, meant.services)
    known = wishes.learned.paces()
    return _Played(file, times, play(fleet_of(config), meant.requests(), times, known))


def _text(played: _Played, rival: _Played | None, options: _Options) -> str:
    usual = played.times
    assumed = (
        f"a load takes {usual.load:g} s, a stop {usual.stop:g} s, a request {usual.service:g} s"
    )
    parts = [f"Where nothing else is known, {assumed}."]
    if rival is None:
        parts.append(tables.overview(played.report))
    else:
        names = (played.file, rival.file)
        parts.append(tables.compared(played.report, rival.report, names))
    for each in (played, rival) if options.timeline else ():
        if each is not None:
            parts += [each.file, tables.picture(each.report), tables.entries(each.report)]
    return "\n\n".join(parts)


def _document(played: _Played, rival: _Played | None, options: _Options) -> str:
    document: dict[str, object] = {"config": _values(played, options)}
    if rival is not None:
        document["against"] = _values(rival, options)
        figures = (
            (name, figure(played.report), figure(rival.report))
            for name, figure in tables.FIGURES.items()
        )
        document["ratios"] = {
            name.replace(" ", "_"): theirs / ours if ours else None
            for name, ours, theirs in figures
        }
    return json.dumps(document, indent=2)


def _values(played: _Played, options: _Options) -> dict[str, object]:
    values = tables.document(played.report, with_timeline=options.timeline)
    return {"file": played.file, **values}
