"""How late readiness is found: ``python -m tests.bench.readiness [--starts N]``.

From the moment in which a model's server first answers its health check with 200
to the first byte that a waiting client sees. Prints the median and the worst of
many cold starts, through the whole program.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench.programs import LOADS, OURS, proxy
from tests.bench.relay import ask


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=50, help="of each model")
    options = parser.parse_args()
    late: dict[str, list[float]] = {model: [] for model in LOADS}
    with TemporaryDirectory() as folder, proxy("ours", OURS, Path(folder)) as program:
        for _ in range(options.starts):
            # The models take turns, so that each ask is a cold start.
            for model in LOADS:
                ready_at, heard_at = ask(program, model)
                late[model].append((heard_at - ready_at) * 1e3)
    for model, load in LOADS.items():
        found = late[model]
        print(
            f"load {load} s: {len(found)} starts, first byte {median(found):.1f} ms after readiness"
            f" at the median, {max(found):.1f} ms at the worst"
        )


if __name__ == "__main__":
    main()
