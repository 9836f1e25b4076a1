"""The way in: ``--version`` at once, else the command line.

Nothing heavy is imported before it is known that it is needed.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TextIO, cast

from llamaswap._version import BUILT_AT, COMMIT, VERSION
from llamaswap.cli.flags import USAGE, UsageError, parse_flags, require_no_command

COMMANDS: Mapping[str, tuple[str, str]] = {
    "check": ("llamaswap.cli.check", "check"),
    "config": ("llamaswap.cli.show_config", "show_config"),
    "demo": ("llamaswap.cli.demo", "demo"),
    "explain": ("llamaswap.cli.explain", "explain"),
    "plan": ("llamaswap.cli.plan", "plan"),
    "schema": ("llamaswap.cli.show_schema", "show_schema"),
    "simulate": ("llamaswap.cli.simulate", "simulate"),
}
"""Where the function of each command is: it takes the words behind the command's
name and returns the exit status."""

UNREAD = 141
"""The exit status where nobody reads on: that of a program which SIGPIPE has ended."""

INTERRUPTED = 130
"""The exit status after Ctrl-C: that of a program which SIGINT has ended."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What the system says where our output cannot be written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in COMMANDS:
        module, function = COMMANDS[words[0]]
        command: Callable[[Sequence[str]], int] = getattr(import_module(module), function)
        return _run(partial(command, words[1:]))
    try:
        flags = parse_flags(words)
        require_no_command(flags.ignored, COMMANDS)
    except UsageError as exc:
        print(f"{exc}\n{USAGE}", file=sys.stderr, end="")
        return 2
    if flags.help:
        print(USAGE, file=sys.stderr, end="")
        return 0
    if flags.ignored:
        print(f"llama-swap: ignored: {' '.join(flags.ignored)}", file=sys.stderr)
    if flags.switch("version"):
        return _run(_tell_version)
    _ignore_hangup()
    from llamaswap.cli.serve import serve  # noqa: PLC0415 - only when asked for

    return serve(flags)


def _tell_version() -> int:
    print(f"version: {VERSION} ({COMMIT}), built at {BUILT_AT}")
    return 0


def _run(command: Callable[[], int]) -> int:
    """Run what prints; who has seen enough, here or behind a pipe, has met no fault."""
    # A shell can close it (>&-).
    stdout = cast("TextIO | None", sys.stdout)
    try:
        try:
            return command()
        finally:
            # What is still buffered, the help too, would be told when nobody can catch it.
            if stdout is not None:
                stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _give_up(stdout)
        return UNREAD
    except OSError as exc:
        # Of files that are named the commands themselves tell.
        if exc.errno not in _FULL or exc.filename is not None:
            raise
        _give_up(stdout)
        try:
            print(f"llama-swap: the output cannot be written: {exc.strerror}", file=sys.stderr)
        except OSError:
            _give_up(sys.stderr)
        return 1


def _give_up(stream: TextIO | None) -> None:
    """Let nothing more be written: the interpreter flushes once more when it ends."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _ignore_hangup() -> None:
    """Let no SIGHUP end us before somebody listens to it: it asks for a reload."""
    if sys.platform != "win32":
        import signal  # noqa: PLC0415 - only when we serve

        signal.signal(signal.SIGHUP, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
