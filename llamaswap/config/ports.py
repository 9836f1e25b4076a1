"""``${PORT}``: which model gets which number, and where nobody gets one.

Pure. A model takes a number if its command asks for one, and no other way: a
proxy address with a port that no command was told would never answer.
"""

from __future__ import annotations

from attrs import define

from llamaswap.config.document import KeyPath, Plain, Report
from llamaswap.config.macros import left_over

DEFAULT_PROXY = "http://localhost:${PORT}"
"""The ``proxy`` of a model that names none."""

MAX_PORT = 65535


@define
class Ports:
    """Hands out one number after the other."""

    next: int
    """The number that the next model gets."""

    def fill(self, model: dict[str, Plain], path: KeyPath, report: Report) -> dict[str, Plain]:
        """Return the ``model`` that stands at ``path`` with its port in all its fields."""
        command = model.get("cmd")
        if not isinstance(command, str) or "${PORT}" not in command:
            _refuse(model, path, report)
            return model
        port, self.next = self.next, self.next + 1
        if port > MAX_PORT:
            report.fault(
                (*path, "cmd"),
                f"there is no port left for this model: its ${{PORT}} would be {port}, "
                f"and {MAX_PORT} is the last; choose a lower startPort",
            )
            report.taint((*path, "proxy"))
        return {key: _with_port(value, port) for key, value in model.items()}


def _with_port(value: Plain, port: int) -> Plain:
    match value:
        case "${PORT}":
            return port
        case str():
            return value.replace("${PORT}", str(port))
        case list():
            return [_with_port(item, port) for item in value]
        case dict():
            return {key: _with_port(item, port) for key, item in value.items()}
        case _:
            return value


def _refuse(model: dict[str, Plain], path: KeyPath, report: Report) -> None:
    # A command that could not be read may well have asked for a port.
    is_known = isinstance(model.get("cmd"), str | None) and not report.is_tainted((*path, "cmd"))
    for place, name in left_over(model, path):
        if name != "PORT":
            continue
        if not is_known:
            report.taint(place)
        elif place == (*path, "proxy"):
            report.fault(
                place,
                "proxy uses ${PORT}, but cmd does not: put ${PORT} into cmd, or give proxy "
                "the address where the command listens",
            )
        else:
            report.fault(
                place,
                "unknown macro ${PORT}: the model has no port, because its cmd does not "
                "use ${PORT}",
            )
