"""The flags of the reference, parsed as the reference parses them.

One or two dashes, ``-name value`` or ``-name=value``; a switch takes a value
only with ``=``. The first word that is no flag ends the flags; unlike the
reference we say so when something behind it is ignored. A word that is nearly one of
our commands is a mistake: the reference has no commands, so nobody gave it that word.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Literal

from attrs import define, field

USAGE = """\
Usage: llama-swap [flags]            serve
       llama-swap check [flags]      tell what is wrong with a configuration
       llama-swap config [flags]     print what a configuration means
       llama-swap schema             print the JSON Schema of the configuration, for editors
       llama-swap plan [flags]       say what a reload would do to a running instance
       llama-swap explain MODEL      say what a request for a model would do now, and why
       llama-swap simulate [flags]   try a configuration on traffic, without starting anything
       llama-swap demo [flags]       see two real models swap
       llama-swap COMMAND -h         tell the flags of a command

  -config string
        path of a YAML configuration file
  -config-dir string
        directory whose *.yml and *.yaml files are merged on top
  -listen string
        host:port to listen on (default ":8080", or ":8443" with TLS)
  -tls-cert-file string
        PEM certificate (chain)
  -tls-key-file string
        PEM private key
  -version
        print the version and leave
  -watch-config
        reload when the configuration changes

Exit status: 0 after SIGINT or SIGTERM, 1 if it cannot serve, which is told on stderr,
2 if the command line is wrong.
"""

Name = Literal["config", "config-dir", "listen", "tls-cert-file", "tls-key-file"]

_TEXTS = frozenset({"config", "config-dir", "listen", "tls-cert-file", "tls-key-file"})
_SWITCHES = frozenset({"version", "watch-config"})
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class UsageError(Exception):
    """The command line cannot be understood; the program leaves with status 2."""


@define
class Flags:
    """What was asked for on the command line."""

    texts: dict[str, str] = field(factory=dict[str, str])
    switches: dict[str, bool] = field(factory=dict[str, bool])
    help: bool = False
    ignored: tuple[str, ...] = ()
    """The first word that is no flag, and everything behind it."""

    def text(self, name: Name) -> str:
        """Return the value of a flag; empty if it was not given."""
        return self.texts.get(name, "")

    def switch(self, name: Literal["version", "watch-config"]) -> bool:
        """Tell whether a switch is on."""
        return self.switches.get(name, False)


def parse_flags(arguments: Sequence[str]) -> Flags:
    """Parse the command line behind the program's name.

    Raises:
      UsageError: an unknown flag, or a missing or malformed value.
    """
    flags = Flags()
    rest = list(arguments)
    while rest:
        if rest[0] in {"-", ""} or not rest[0].startswith("-"):
            flags.ignored = tuple(rest)
            break
        word = rest.pop(0)
        if word == "--":
            flags.ignored = tuple(rest)
            break
        _take(flags, word, rest)
    return flags


def require_no_command(words: Sequence[str], commands: Collection[str]) -> None:
    """Refuse ignored ``words`` of which the first was meant as one of ``commands``.

    Raises:
      UsageError: it names the command that was meant.
    """
    word = words[0] if words else ""
    if word in commands:
        raise UsageError(f"a command comes before all flags: llama-swap {word} …")
    # Names of files look like commands, too, and nobody means them as such.
    near = difflib.get_close_matches(word.lower(), commands, n=1) if word.isalpha() else ()
    if near:
        raise UsageError(f"unknown command {word!r}, did you mean {near[0]!r}?")


def _take(flags: Flags, word: str, rest: list[str]) -> None:
    """Note one flag; a value that stands apart is taken from ``rest``."""
    name, equals, value = word.removeprefix("-").removeprefix("-").partition("=")
    if name in {"h", "help"}:
        flags.help = True
    elif name in _SWITCHES:
        flags.switches[name] = _truth(word, value) if equals else True
    elif name in _TEXTS:
        if not equals:
            if not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        flags.texts[name] = value
    else:
        raise UsageError(f"flag provided but not defined: -{name}")


def _truth(word: str, value: str) -> bool:
    if value in _TRUE | _FALSE:
        return value in _TRUE
    raise UsageError(f"invalid boolean value in {word!r}: expected true or false")
