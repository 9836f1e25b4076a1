"""From a file or a text to a checked configuration: the public door of this room.

The steps stand in `_load` in the order in which they depend on each other.
Each goes on after faults as far as it can, so that all are told at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from attrs import evolve

from llamaswap.config import sources
from llamaswap.config.checks import check_aliases, check_model, check_top
from llamaswap.config.conversions import describe, to_section
from llamaswap.config.document import Plain, Report
from llamaswap.config.expansion import expand_document
from llamaswap.config.groups import build_groups, find_routing
from llamaswap.config.keys import survey
from llamaswap.config.nodes import to_plain
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.structure import structure
from llamaswap.errors import ConfigError
from llamaswap.policy.messages import ModelId


def load_config(source: Path | str, *, environ: Mapping[str, str] | None = None) -> Config:
    """Load and check a configuration.

    Args:
        source: a file, if it is a ``Path``; a text in YAML, if it is a ``str``.
        environ: what ``${env.NAME}`` stands for; our own environment by default.

    Returns:
        The configuration, with its models in the order of their ids. Look at its
        ``warnings`` and ``unsupported``, which keep nobody from reading it.

    Raises:
        ConfigError: it cannot be used; ``faults`` holds every reason at once. Nothing
            else is raised, whatever the bytes are.
    """
    files = (source,) if isinstance(source, Path) else ()
    report = Report(str(source) if files else "<text>")
    config = _load(source, os.environ if environ is None else environ, report)
    if report.faults:
        raise ConfigError(report.faults)
    return evolve(config, warnings=report.warnings, sources=files)


def _load(source: Path | str, environ: Mapping[str, str], report: Report) -> Config:
    text = sources.read(source, report) if isinstance(source, Path) else source
    root = None if text is None else sources.parse(text, report)
    value = None if root is None else to_plain(root, environ, report)
    top = _top(value, report, is_file=isinstance(source, Path))
    unsupported = survey(top, report)
    document = expand_document(top, report)
    routing = find_routing(document, report)
    models = _models(document, report)
    config = check_top(structure(Config, document, (), report), document, report)
    return evolve(
        config,
        models=models,
        groups=build_groups(routing, models, report),
        unsupported=unsupported + routing.unbuilt,
    )


def _top(value: Plain, report: Report, *, is_file: bool) -> dict[str, Plain]:
    """Return the document's keys; a document without any is an empty configuration."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and (value or not is_file):
        report.fault((), "the top-level must be a mapping of keys, found a list")
    elif isinstance(value, str) and not is_file:
        # Nobody writes such a text, but many give a file's name as one.
        message = f"the top-level must be a mapping of keys, found {describe(value)}; "
        report.fault((), message + "give a file as a pathlib.Path")
    elif value is not None and not report.faults:
        report.warn((), f"there are no keys in it, only {describe(value)}: nothing is configured")
    return {}


def _models(document: Mapping[str, Plain], report: Report) -> dict[ModelId, ModelConfig]:
    models: dict[ModelId, ModelConfig] = {}
    sections = to_section(document["models"])
    for name, value in sections.items():
        path, values = ("models", name), to_section(value)
        model = structure(ModelConfig, values, path, report)
        models[ModelId(name)] = check_model(model, path, values, report)
    check_aliases(models, sections, report)
    return models
