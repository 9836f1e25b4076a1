"""Who goes first, and which models may run together by a matrix.

Pure. The language of the matrix is another room's; here its problems get their places.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import evolve

from llamaswap.config.conversions import describe
from llamaswap.config.document import KeyPath, Plain, Problem, Report
from llamaswap.config.expansion import section_at
from llamaswap.config.groups import Routing
from llamaswap.config.names import refuse_unknown
from llamaswap.config.sections import FifoConfig, MatrixConfig, RoutingSection
from llamaswap.config.structure import structure
from llamaswap.config.unread import unread_keys
from llamaswap.policy.matrix import Matrix, compile_matrix
from llamaswap.policy.matrix_language import Finding
from llamaswap.policy.matrix_links import Surroundings, problems_of
from llamaswap.policy.near_names import suggestion
from llamaswap.policy.rules import ModelId
from llamaswap.policy.unread import EVERYTHING_READ, Unread

_SCHEDULER: KeyPath = ("routing", "scheduler")
_PRIORITY: KeyPath = (*_SCHEDULER, "settings", "fifo", "priority")


def check_routing(document: Mapping[str, Plain], report: Report) -> RoutingSection:
    """Return ``routing``; tell what in it has the wrong type, also where it is not in force."""
    values = section_at(document.get("routing"), ("routing",), report)
    return structure(RoutingSection, values, ("routing",), report)


def build_scheduling(
    section: RoutingSection,
    ids: Mapping[str, ModelId],
    report: Report,
    unread: Unread = EVERYTHING_READ,
) -> FifoConfig:
    """Return the settings of the scheduler, priorities by model.

    Args:
        section: see `check_routing`.
        ids: all names of models; see `local_names`.
        report: where faults and warnings go.
        unread: names that are not among them because of a mistake.
    """
    use = section.scheduler.use
    if use not in {"", "fifo"}:
        text = "unknown scheduler: expected {expected}, found {found}"
        problem = Problem(text, "fifo", describe(use), suggestion(use, ("fifo",)))
        report.fault((*_SCHEDULER, "use"), problem)
    fifo = section.scheduler.settings.fifo
    priority: dict[ModelId, int] = {}
    for name, number in fifo.priority.items():
        model = ids.get(name)
        if model is None:
            refuse_unknown(name, ids, unread, (*_PRIORITY, name), report)
        elif model != name and (model in fifo.priority or model in priority):
            message = f"the model {model!r} has a priority by another name, which counts"
            report.warn((*_PRIORITY, name), message)
        else:
            priority[model] = number
    return evolve(fifo, priority=priority)


def build_matrix(
    routing: Routing,
    models: Collection[ModelId],
    report: Report,
    *,
    aliases: Mapping[str, ModelId] | None = None,
    unread: Unread = EVERYTHING_READ,
) -> tuple[MatrixConfig | None, Matrix | None]:
    """Return the matrix in force and what it is compiled to; ``None``: none is, or it is wrong.

    Args:
        routing: the section in force.
        models: all models.
        report: where faults go.
        aliases: other names of models, for the advice.
        unread: names of models that are not known because of a mistake.
    """
    if routing.matrix is None:
        return None, None
    values = section_at(routing.matrix, routing.path, report)
    matrix = structure(MatrixConfig, values, routing.path, report)
    if not isinstance(routing.matrix, dict):
        return matrix, None
    beside = Surroundings(
        aliases or {},
        Unread(is_all=unread.is_all),
        unread_keys(values.get("vars"), (*routing.path, "vars"), report),
        unread_keys(values.get("sets"), (*routing.path, "sets"), report),
    )
    problems = problems_of(matrix.vars, matrix.evict_costs, matrix.sets, models, beside)
    for problem in problems:
        report.fault((*routing.path, *problem.key), _told(problem.finding))
    if problems or beside.models or beside.variables or beside.sets:
        return matrix, None
    return matrix, compile_matrix(matrix.vars, matrix.evict_costs, matrix.sets, models)


def _told(finding: Finding) -> Problem:
    problem = Problem.told(finding.text, finding.expected, finding.found, finding.suggestion)
    return evolve(problem, joint=finding.joint)
