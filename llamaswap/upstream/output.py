"""What a model server prints: handed on as it comes, and the last lines kept for an error.

Beside `process`, which says how long to read.
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import define, field

from llamaswap.upstream.readiness import Nudge

TAIL_LINES = 20
TAIL_BYTES = 2048
"""What an error quotes of the output: a screenful, and no more than an error page can
show."""


@define
class Tail:
    """The last lines of an output, for an error to quote."""

    _kept: bytearray = field(factory=bytearray, init=False)

    def feed(self, chunk: bytes) -> None:
        """Take in what was printed."""
        self._kept += chunk[-TAIL_BYTES - 1 :]
        # One byte more than is shown tells whether the first line is whole.
        del self._kept[: -TAIL_BYTES - 1]

    def lines(self) -> list[str]:
        """Return the last whole lines, oldest first, empty ones left out."""
        text = self._kept[-TAIL_BYTES:].decode(errors="replace")
        lines = text.splitlines()
        if len(self._kept) > TAIL_BYTES and self._kept[0] not in b"\r\n" and len(lines) > 1:
            del lines[0]
        return [line for line in lines if line.strip()][-TAIL_LINES:]

    def quote(self) -> str:
        """Return them as the end of a sentence."""
        lines = self.lines()
        return "; its last output:\n" + "\n".join(lines) if lines else "; it printed nothing"


@define(eq=False)
class Output:
    """Where the output of one run goes: to the observer, the tail and the probes."""

    _on_output: Callable[[bytes], object]
    tail: Tail = field(factory=Tail, init=False)
    nudge: Nudge = field(factory=Nudge, init=False)

    async def pump(self, source: trio.abc.ReceiveStream | None, scope: trio.CancelScope) -> None:
        """Read until the last holder of the pipe has closed it, or the scope ends."""
        assert source is not None, "spawned with a pipe"
        with scope:
            async with source:
                async for chunk in source:
                    self._hear(bytes(chunk))

    def _hear(self, chunk: bytes) -> None:
        self.tail.feed(chunk)
        self.nudge.give()
        self._on_output(chunk)

    def note(self, sentence: str) -> None:
        """Write a sentence of ours between the lines of the server."""
        self._on_output(f"[llama-swap] {sentence}\n".encode())
