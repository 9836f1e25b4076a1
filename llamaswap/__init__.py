"""Hot-swaps local AI model servers behind OpenAI- and Anthropic-compatible APIs.

`open_swap_router` is the way in for programs; the command ``llama-swap`` is the
way in for people. The names are loaded when they are first used, so that
``llama-swap --version`` answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llamaswap import _version

if TYPE_CHECKING:
    from llamaswap.config.load import load_config as load_config
    from llamaswap.config.schema import Config as Config
    from llamaswap.config.schema import ModelConfig as ModelConfig
    from llamaswap.errors import BusyError as BusyError
    from llamaswap.errors import ConfigError as ConfigError
    from llamaswap.errors import Fault as Fault
    from llamaswap.errors import ListenError as ListenError
    from llamaswap.errors import QueueTimeoutError as QueueTimeoutError
    from llamaswap.errors import StartError as StartError
    from llamaswap.errors import SwapError as SwapError
    from llamaswap.errors import UnavailableError as UnavailableError
    from llamaswap.errors import UnknownModelError as UnknownModelError
    from llamaswap.errors import UpstreamError as UpstreamError
    from llamaswap.policy.eviction import GroupRule as GroupRule
    from llamaswap.policy.messages import Target as Target
    from llamaswap.policy.rules import ModelId as ModelId
    from llamaswap.service import SwapRouter as SwapRouter
    from llamaswap.service import open_swap_router as open_swap_router
    from llamaswap.web.tls import TlsFiles as TlsFiles

__version__ = _version.VERSION

_HOMES = {
    "load_config": "config.load",
    "Config": "config.schema",
    "ModelConfig": "config.schema",
    "BusyError": "errors",
    "ConfigError": "errors",
    "Fault": "errors",
    "ListenError": "errors",
    "QueueTimeoutError": "errors",
    "StartError": "errors",
    "SwapError": "errors",
    "UnavailableError": "errors",
    "UnknownModelError": "errors",
    "UpstreamError": "errors",
    "GroupRule": "policy.eviction",
    "ModelId": "policy.rules",
    "Target": "policy.messages",
    "SwapRouter": "service",
    "open_swap_router": "service",
    "TlsFiles": "web.tls",
}

__all__ = [
    "BusyError",
    "Config",
    "ConfigError",
    "Fault",
    "GroupRule",
    "ListenError",
    "ModelConfig",
    "ModelId",
    "QueueTimeoutError",
    "StartError",
    "SwapError",
    "SwapRouter",
    "Target",
    "TlsFiles",
    "UnavailableError",
    "UnknownModelError",
    "UpstreamError",
    "__version__",
    "load_config",
    "open_swap_router",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llamaswap' has no attribute {name!r}")
    return getattr(import_module(f"llamaswap.{home}"), name)
