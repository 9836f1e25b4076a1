"""llamaswap inside another Trio program: a model is held ready while it is needed.

Usage: python examples/embed.py CONFIG MODEL
"""

import sys
from pathlib import Path

import trio

from llamaswap import load_config, open_swap_router


async def main(path: Path, model: str) -> None:
    """Serve the models of a configuration, and use one of them directly too."""
    config = load_config(path)
    async with open_swap_router(config, listen="127.0.0.1:0") as swap:
        print("serving on", *swap.urls)
        async with swap.lease(model) as target:
            print(model, "is ready at", target.url)
        # Here your own program runs; leaving the block stops every model.
    print("all models are stopped")


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), sys.argv[2])
