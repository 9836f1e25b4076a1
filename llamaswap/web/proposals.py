"""Models that somebody thinks of running: as a body of ``POST /api/plan``, and read from it.

Without a body the instance plans its own files, as a reload would read them. For
others, who asks sends the models as the configuration's own keys, with everything
filled in but ``${PORT}``: a port belongs to the instance, which gives it as a
reload would. Not the files: the instance would fill in ``${env.NAME}`` from its
own environment and look at paths of its own machine, and the faults it answers
with would tell both to whoever asks. Nor the instance's specifications, or
digests of them, to be compared by the client: they hold secrets, and those of
``env`` are easily guessed. So what is secret goes in, and only the names of the
parts that differ come out.
"""

from __future__ import annotations

import json
from typing import cast

from llamaswap.config.building import build
from llamaswap.config.document import Plain, Report
from llamaswap.config.schema import Config
from llamaswap.config.text import strip_comments
from llamaswap.errors import ConfigError, RequestError
from llamaswap.policy.rules import ModelId

_KEYS = ("startPort", "healthCheckTimeout", "models")
"""All that is read of a proposal; other keys could make `build` look at the disk."""


def proposal_of(config: Config) -> bytes:
    """Write what the plan depends on."""
    models = {model: _entry(config, model) for model in config.models}
    document = {
        "startPort": config.start_port,
        "healthCheckTimeout": config.health_check_timeout,
        "models": models,
    }
    return json.dumps(document).encode()


def _entry(config: Config, model: ModelId) -> dict[str, object]:
    blank = config.models[model].unfilled
    entry = blank or config.models[model]
    # A macro may have brought a comment, which is removed when it is read again;
    # who asked for a port only there must ask anew, and by a macro again.
    asks = blank is not None and "${PORT}" not in strip_comments(entry.cmd)
    return {
        "macros": {"port": "# ${PORT}"} if asks else {},
        "cmd": "${port}\n" + entry.cmd if asks else entry.cmd,
        "proxy": entry.proxy,
        "cmdStop": entry.cmd_stop,
        "checkEndpoint": entry.check_endpoint,
        "env": list(entry.env),
        "aliases": list(entry.aliases),
        "name": entry.name,
        "description": entry.description,
        "unlisted": entry.unlisted,
        "useModelName": entry.use_model_name or "",
        "ttl": config.idle_after(model) or 0,
        "unloadTimeout": config.stop_within(model),
        "concurrencyLimit": config.concurrency_limit(model),
    }


def read_proposal(body: bytes) -> Config:
    """Read what `proposal_of` wrote, by the rules of a file.

    Raises:
      RequestError: it is no JSON object.
      ConfigError: something in it cannot be used.
    """
    report = Report()
    try:
        document: object = json.loads(body)
        if not isinstance(document, dict):
            raise RequestError("expected a JSON object with the key `models`")
        values = cast("dict[str, Plain]", document)
        config = build({key: values[key] for key in _KEYS if key in values}, report)
    except (ValueError, RecursionError) as exc:
        raise RequestError(f"expected a JSON object with the key `models`: {exc}") from exc
    if report.faults:
        raise ConfigError(report.faults)
    return config
