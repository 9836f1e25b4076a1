"""The way in: ``--version`` at once, else the command line.

Nothing heavy is imported before it is known that it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from llamaswap._version import BUILT_AT, COMMIT, VERSION
from llamaswap.cli.flags import USAGE, UsageError, parse_flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["demo"]:
            from llamaswap.cli.demo import demo  # noqa: PLC0415 - only when asked for

            return demo(words[1:])
        flags = parse_flags(words)
    except UsageError as exc:
        print(f"{exc}\n{USAGE}", file=sys.stderr, end="")
        return 2
    if flags.help:
        print(USAGE, file=sys.stderr, end="")
        return 0
    if flags.ignored:
        print(f"llama-swap: ignored: {' '.join(flags.ignored)}", file=sys.stderr)
    if flags.switch("version"):
        print(f"version: {VERSION} ({COMMIT}), built at {BUILT_AT}")
        return 0
    from llamaswap.cli.serve import serve  # noqa: PLC0415 - only when asked for

    return serve(flags)


if __name__ == "__main__":
    sys.exit(main())
