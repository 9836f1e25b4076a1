"""What ``llama-swap simulate`` prints: tables for people, and the same for programs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from attrs import asdict

from llamaswap.policy.rules import ModelId
from llamaswap.policy.simulation_report import ModelReport, Report, Span, Waits

GAP = 2
"""Blanks between columns."""

PICTURE = 64
"""Columns of the picture of a timeline."""

MOST_ENTRIES = 200
"""Starts and stops that are told to people; programs get all."""

LONGEST_NAME = 24
"""Characters of a model's name in a table."""

_LOADING, _READY = "~", "#"


def overview(report: Report) -> str:
    """Write one line per model, one for all, and what the machine has done."""
    head = ["model", "requests", "served", "refused", "p50", "p95", "max"]
    head += ["loads", "evicted", "ready", "busy"]
    rows = [[_short(model), *_cells(entry, report)] for model, entry in report.models.items()]
    return "\n".join([laid_out([head, *rows, _total(report)]), "", *_summary(report)])


def _cells(model: ModelReport, report: Report) -> list[str]:
    return [
        *(str(model.requests), str(model.served), str(model.requests - model.served)),
        *_waits(model.waits),
        *(str(model.loads), str(model.evictions)),
        *(_share(model.loaded, report), _share(model.serving, report)),
    ]


def _total(report: Report) -> list[str]:
    counts = (report.requests, report.served, report.requests - report.served)
    acts = (report.loads, report.evictions)
    busy = _share(report.busy, report)
    return ["all", *map(str, counts), *_waits(report.waits), *map(str, acts), "", busy]


def _waits(waits: Waits) -> list[str]:
    return [_seconds(waits.p50), _seconds(waits.p95), _seconds(waits.longest)]


def _summary(report: Report) -> Iterator[str]:
    yield (
        f"{report.makespan:,.1f} s from the first request to the end of the last; "
        f"{report.swaps} swaps; mean wait {_seconds(report.waits.mean)} s"
    )
    if report.refused:
        causes = [f"{cause.value} {count}" for cause, count in report.refused.items()]
        yield f"refused: {', '.join(causes)}"
    yield "Waits are in seconds, of those that were served."


def _share(seconds: float, report: Report) -> str:
    return f"{100 * seconds / report.makespan:.0f} %" if report.makespan else "-"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _tail(file: str) -> str:
    return file if len(file) <= LONGEST_NAME else f"…{file[1 - LONGEST_NAME :]}"


FIGURES: Mapping[str, Callable[[Report], float]] = {
    "served": lambda report: report.served,
    "refused": lambda report: report.requests - report.served,
    "swaps": lambda report: report.swaps,
    "loads": lambda report: report.loads,
    "evictions": lambda report: report.evictions,
    "mean wait": lambda report: report.waits.mean,
    "p50 wait": lambda report: report.waits.p50,
    "p95 wait": lambda report: report.waits.p95,
    "longest wait": lambda report: report.waits.longest,
    "busy seconds": lambda report: report.busy,
    "makespan": lambda report: report.makespan,
}
"""What two configurations are compared by."""


def compared(ours: Report, theirs: Report, names: tuple[str, str]) -> str:
    """Write two reports side by side, with ratios of the second to the first."""
    first, second = (_tail(name) for name in names)
    rows = [["", first, second, "ratio"]]
    rows += [[name, *_pair(figure(ours), figure(theirs))] for name, figure in FIGURES.items()]
    head = ["model", "p50", "p50'", "p95", "p95'", "max", "max'", "ratio", "loads", "loads'"]
    models = [head]
    for model in dict.fromkeys((*ours.models, *theirs.models)):
        one, other = ours.models.get(model), theirs.models.get(model)
        models.append([_short(model), *_beside(one, other)])
    note = f"Unmarked: {first}; marked ': {second}. Waits are in seconds."
    return "\n".join([laid_out(rows), "", laid_out(models), "", note])


def _pair(ours: float, theirs: float) -> list[str]:
    return [_figure(ours), _figure(theirs), _ratio(ours, theirs)]


def _figure(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:,.2f}"


def _ratio(ours: float, theirs: float) -> str:
    return f"{theirs / ours:.2f}" if ours else "-"


def _beside(one: ModelReport | None, other: ModelReport | None) -> list[str]:
    cells: list[str] = []
    for part in ("p50", "p95", "longest"):
        cells += ["-" if m is None else _seconds(getattr(m.waits, part)) for m in (one, other)]
    if one is None or other is None:
        cells.append("-")
    else:
        cells.append(_ratio(one.waits.longest, other.waits.longest))
    cells += ["-" if model is None else str(model.loads) for model in (one, other)]
    return cells


def laid_out(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width + GAP) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("".join(cells).rstrip())
    return "\n".join(lines)


# The timeline


def picture(report: Report) -> str:
    """Draw which model was there when, a line for each that ever was."""
    step = report.makespan / PICTURE or 1.0
    rows = {model: _row(spans, report, step) for model, spans in _by_model(report).items()}
    width = max((len(_short(model)) for model in rows), default=0)
    lines = [f"{_short(model):<{width}}  |{row}|" for model, row in rows.items()]
    lines.append(
        f"{'':<{width}}  one column is {step:.3g} s; {_READY} ready, {_LOADING} loading, "
        "whichever is longer"
    )
    return "\n".join(lines)


def _by_model(report: Report) -> dict[ModelId, list[Span]]:
    spans: dict[ModelId, list[Span]] = {model: [] for model in report.models}
    for span in report.spans:
        spans[span.model].append(span)
    return {model: found for model, found in spans.items() if found}


def _row(spans: Iterable[Span], report: Report, step: float) -> str:
    loading, ready = [0.0] * PICTURE, [0.0] * PICTURE
    for span in spans:
        stopped = report.end if span.stopped is None else span.stopped
        until = stopped if span.ready is None else span.ready
        _paint(loading, span.started - report.begin, until - report.begin, step)
        _paint(ready, until - report.begin, stopped - report.begin, step)
    marks = (
        " " if not long + short else _READY if long >= short else _LOADING
        for long, short in zip(ready, loading, strict=True)
    )
    return "".join(marks)


def _paint(columns: list[float], begin: float, end: float, step: float) -> None:
    """Add the seconds from ``begin`` to ``end`` to the columns that they fall into."""
    column = int(begin / step)
    while column < len(columns) and column * step < end:
        columns[column] += min(end, (column + 1) * step) - max(begin, column * step)
        column += 1


def entries(report: Report) -> str:
    """Write one line per start and stop, with its reason."""
    told = [
        f"{moment - report.begin:10.2f} s  {_short(model)} {what}"
        for moment, model, what in report.timeline()
    ]
    more = len(told) - MOST_ENTRIES
    if more > 0 or report.omitted:
        hidden = f"… {max(more, 0)} more (see --json)" if more > 0 else "…"
        omitted = f", and {report.omitted} processes that nobody noted" if report.omitted else ""
        told[MOST_ENTRIES:] = [hidden + omitted]
    return "\n".join(told)


# For programs


def document(report: Report, *, with_timeline: bool) -> dict[str, object]:
    """Return a report as plain values."""
    values: dict[str, object] = {
        **{name.replace(" ", "_"): figure(report) for name, figure in FIGURES.items()},
        "requests": report.requests,
        "causes": {cause.value: count for cause, count in report.refused.items()},
        "models": {model: _values(entry) for model, entry in report.models.items()},
    }
    if with_timeline:
        values["timeline"] = [
            {"moment": moment - report.begin, "model": model, "what": what}
            for moment, model, what in report.timeline()
        ]
        values["omitted"] = report.omitted
    return values


def _values(model: ModelReport) -> dict[str, object]:
    return {
        "requests": model.requests,
        "served": model.served,
        "refused": {cause.value: count for cause, count in model.refused.items()},
        "waits": asdict(model.waits),
        "loads": model.loads,
        "evictions": model.evictions,
        "ready_seconds": model.loaded,
        "busy_seconds": model.serving,
    }
