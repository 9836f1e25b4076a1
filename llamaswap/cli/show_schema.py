"""``llama-swap schema``: the JSON Schema of the file, for editors."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from llamaswap.config.json_schema import json_schema


def show_schema(arguments: Sequence[str]) -> int:
    """Print the JSON Schema of the configuration; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="llama-swap schema",
        description="Print the JSON Schema of the configuration, for editors.",
        epilog="Exit status: 0 fine, 2 wrong usage.",
    )
    parser.parse_args(list(arguments))
    print(json.dumps(json_schema(), indent=2))
    return 0
