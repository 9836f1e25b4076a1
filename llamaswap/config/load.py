"""From a file or a text to a checked configuration: the public door of this room.

The steps stand in `_load` and `_read` in the order in which they depend
on each other. Each goes on after faults as far as it can, so that all are told at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from attrs import evolve, field, frozen

from llamaswap.config import files, sources
from llamaswap.config.building import build
from llamaswap.config.conversions import describe
from llamaswap.config.document import Plain, Problem, Report, note_secrets
from llamaswap.config.files import Source
from llamaswap.config.merging import Part, merge
from llamaswap.config.nodes import to_plain
from llamaswap.config.schema import Config
from llamaswap.config.spelling import warn_respelled
from llamaswap.errors import ConfigError, Fault

_TOP = "the top-level must be {expected}, found {found}"


@frozen
class Attempt:
    """What came of reading the configuration once."""

    digest: str
    """Of the bytes that were read, also of bad ones (see `Config.digest`), and of why
    others could not be."""

    outcome: Config | ConfigError

    warnings: tuple[Fault, ...] = ()
    """What is odd but harmless, also where there are faults."""

    draft: Config = field(factory=Config, repr=False)
    """What could be read, also where there are faults: to look at, not to serve."""

    def loaded(self) -> Config:
        """Return the configuration.

        Raises:
            ConfigError: it cannot be used; ``faults`` holds every reason.
        """
        if isinstance(self.outcome, ConfigError):
            raise self.outcome
        return self.outcome


def load_config(
    source: Path | str | Sequence[Path] | None = None,
    *,
    config_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Load and check a configuration.

    Args:
        source: a file, if it is a ``Path``; a text in YAML, if it is a ``str``; or
            several files, which are merged in their order.
        config_dir: a folder whose ``*.yml`` and ``*.yaml`` files are merged behind
            ``source``, in the order of their names.
        environ: what ``${env.NAME}`` stands for; our own environment by default.

    Returns:
        The configuration, with its models in the order of their ids. Look at its
        ``warnings`` and ``unsupported``, which keep nobody from reading it.

    Raises:
        ConfigError: it cannot be used; ``faults`` holds every reason at once. Nothing
            else is raised, whatever the bytes are.
        TypeError: an argument is of another type.
    """
    return attempt_config(source, config_dir=config_dir, environ=environ).loaded()


def attempt_config(
    source: Path | str | Sequence[Path] | None = None,
    *,
    config_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Attempt:
    """Do what `load_config` does; return faults too, with the digest of what has them."""
    _require_types(source, config_dir, environ)
    report = Report()
    gathered = files.gather(source, config_dir, report)
    if len(gathered) == 1:
        report.file = gathered[0].name
    digest = files.digest_of(gathered)
    gathered = tuple(source for source in gathered if source.obstacle is None)
    config = _load(gathered, os.environ if environ is None else environ, report)
    if report.faults:
        return Attempt(digest, ConfigError(report.faults), report.warnings, config)
    paths = tuple(source.path for source in gathered if source.path is not None)
    config = evolve(config, warnings=report.warnings, sources=paths, digest=digest)
    return Attempt(digest, config, report.warnings, config)


def _require_types(source: object, config_dir: object, environ: object) -> None:
    """Refuse arguments of which nothing can be read, and say what is taken.

    Raises:
        TypeError: the sentence names the type only; the value may hold secrets.
    """
    if isinstance(source, bytes | bytearray) or not isinstance(source, Sequence | Path | None):
        raise TypeError(
            "load_config takes a file as pathlib.Path, a text in YAML as str, or several files as "
            f"a sequence of Paths, not {type(source).__name__}"
        )
    given = () if isinstance(source, str | Path | None) else cast("Sequence[object]", source)
    for index, file in enumerate(given):
        if not isinstance(file, Path):
            found = type(file).__name__
            raise TypeError(f"load_config takes files as pathlib.Path: source[{index}] is {found}")
    if not isinstance(config_dir, Path | None):
        raise TypeError(f"config_dir must be a pathlib.Path, not {type(config_dir).__name__}")
    if not isinstance(environ, Mapping | None):
        raise TypeError(f"environ must be a mapping of texts, not {type(environ).__name__}")


def _load(gathered: Iterable[Source], environ: Mapping[str, str], report: Report) -> Config:
    is_whole = not report.faults
    parts = [_read(source, environ) for source in gathered]
    top = merge(parts, report)
    if not is_whole or any(part.is_broken for part in parts):
        # What is missing would look like mistakes in what is there.
        return Config()
    return build(top, report, environ)


def _read(source: Source, environ: Mapping[str, str]) -> Part:
    report = Report(source.name)
    text = sources.decode(source, report)
    root = None if text is None else sources.parse(text, report)
    value = None if root is None else to_plain(root, environ, report, sources.reread)
    note_secrets(value, (), report)
    warn_respelled(report)
    top = _top(value, report, is_file=source.path is not None)
    return Part(top, report, is_broken=bool(report.faults) and not isinstance(value, dict))


def _top(value: Plain, report: Report, *, is_file: bool) -> dict[str, Plain]:
    """Return the document's keys; a document without any is an empty configuration."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and (value or not is_file):
        report.fault((), Problem(_TOP, "a mapping of keys", "a list"))
    elif isinstance(value, str) and not is_file:
        # Nobody writes such a text, but many give a file's name as one.
        hint = "give a file as a pathlib.Path"
        report.fault((), Problem(_TOP, "a mapping of keys", describe(value), hint))
    elif value is not None and not report.faults:
        report.warn((), f"there are no keys in it, only {describe(value)}")
    return {}
