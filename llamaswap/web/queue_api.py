"""Who waits, and what a request would do now.

For people who wonder why it takes so long. Models are named here and reasons, and
nothing of what clients have sent.
"""

from __future__ import annotations

from attrs import asdict

from llamaswap.errors import RequestError
from llamaswap.policy.messages import Explanation, Waiting
from llamaswap.policy.naming import Meaning
from llamaswap.policy.reasons import Reason
from llamaswap.policy.rules import Choice, Selection
from llamaswap.web.admission import MODEL, meaning_of
from llamaswap.web.asgi import Answer, Request
from llamaswap.web.front import Front


async def show_queue(front: Front, _request: Request, answer: Answer) -> None:
    """List all requests that wait, those first that will be served first."""
    waiting = [_entry(waiting) for waiting in await front.router.queue()]
    await answer.json({"waiting": waiting})


def _entry(waiting: Waiting) -> dict[str, object]:
    return {
        "model": waiting.model,
        "position": waiting.position,
        "waited_s": _seconds(waiting.waited),
        "reason": _reason(waiting.reason),
        "estimate_s": _seconds(waiting.estimate),
    }


async def explain(front: Front, request: Request, answer: Answer) -> None:
    """Say what a request for the ``model`` of the query would do now; nothing is loaded for it.

    Raises:
      RequestError: the query names none.
      UnknownModelError: nobody is called that.
      UnnamedModelError: the active profile has disabled the name.
    """
    name = request.parameter(MODEL)
    if not name:
        raise RequestError("say which model: /api/explain?model=NAME")
    meaning = meaning_of(front.names, name)
    explanation = await front.router.explain(meaning.wanted)
    await answer.json({"asked": name, "profile": front.profile} | _document(meaning, explanation))


def _document(meaning: Meaning, explanation: Explanation) -> dict[str, object]:
    wanted = meaning.wanted
    selector = None
    if isinstance(wanted, Selection):
        selector = {
            "name": wanted.name,
            "strategy": wanted.strategy.value,
            "targets": list(wanted.targets),
        }
    return {
        "model": explanation.model,
        "selector": selector,
        "outcome": explanation.outcome.value,
        "reason": _reason(explanation.reason),
        "estimate_s": _seconds(explanation.estimate),
        "choice": next(map(_choice, explanation.choices), None),
        "rejected": [_choice(choice) for choice in explanation.choices[1:]],
    }


def _choice(choice: Choice) -> dict[str, object]:
    return asdict(choice)


def _reason(reason: Reason | str) -> dict[str, object]:
    if isinstance(reason, str):
        return {"why": "refused", "text": reason, "models": []}
    return {"why": reason.why.value, "text": str(reason), "models": list(reason.models)}


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
