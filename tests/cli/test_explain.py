"""The explanation from the command line: what is asked, and what is printed."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import trio

from llamaswap.__main__ import main
from llamaswap.cli import explain as command
from llamaswap.cli.explain import question_of, sentences
from llamaswap.cli.instance import Question

GROUP = {"rule": "g", "expression": None, "models": ["a"], "evict": ["b", "c"], "cost": 2}
FREE = GROUP | {"evict": [], "cost": 0}
SET = {"rule": "s", "expression": "a & (b | c)", "models": ["a"], "evict": ["d"], "cost": 30}
OTHER = SET | {"rule": "t", "expression": "a & x", "evict": ["b", "c", "d"], "cost": 50}
NONE = SET | {"rule": "u", "expression": "a", "evict": [], "cost": 0}
ALONE = SET | {"rule": None, "expression": None}


def document(outcome: str, text: str = "", **more: Any) -> dict[str, Any]:
    """Write what an instance answers."""
    answer: dict[str, Any] = {
        "asked": "a",
        "profile": None,
        "model": "a",
        "selector": None,
        "outcome": outcome,
        "reason": {"why": "x", "text": text, "models": []},
        "estimate_s": None,
        "choice": None,
        "rejected": [],
    }
    return answer | more


HEAD = "A request for a:"
D = "a would be started for it in place of d, at a cost of 30,"
TURN = "When it is its turn, a is started in place of b and c, at a cost of 2,"
SELECTOR = {"name": "any", "strategy": "warm", "targets": ["a", "b"]}
STORIES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "ready": (
        document("serve", choice=FREE, estimate_s=0.0),
        [HEAD, "It would be served at once: a is ready."],
    ),
    "a start in an empty house": (
        document("start", choice=FREE, estimate_s=3.21),
        [
            HEAD,
            "a would be started for it; nobody has to make room (the group g).",
            "It would be served in about 3.2 s.",
        ],
    ),
    "a load that goes on": (
        document("start", choice=None),
        [HEAD, "a would be started for it.", "When it would be served cannot be told."],
    ),
    "a start by a matrix": (
        document("start", choice=SET, rejected=[OTHER, NONE], estimate_s=1.0),
        [
            HEAD,
            f"{D} by the set s of the matrix: a & (b | c).",
            "It would be served in about 1.0 s.",
            "Rejected: the set t of the matrix: a & x would evict b, c and d, at a cost of 50.",
            "Rejected: the set u of the matrix: a would evict nobody, at a cost of 0.",
        ],
    ),
    "a start in no set": (
        document("start", choice=ALONE, estimate_s=1.0),
        [
            HEAD,
            f"{D} because no set of the matrix contains it.",
            "It would be served in about 1.0 s.",
        ],
    ),
    "a start in no set with nobody to evict": (
        document("start", choice=ALONE | {"evict": []}, estimate_s=1.0),
        [HEAD, "a would be started for it.", "It would be served in about 1.0 s."],
    ),
    "a wait": (
        document("wait", "b must make room and still serves", choice=GROUP, estimate_s=9.0),
        [
            HEAD,
            "It would wait: b must make room and still serves.",
            f"{TURN} by the group g.",
            "It would be served in about 9.0 s.",
        ],
    ),
    "a wait for itself": (
        document("wait", "the model is loading"),
        [HEAD, "It would wait: the model is loading.", "When it would be served cannot be told."],
    ),
    "a refusal": (
        document("refuse", "too many", asked="x", profile="p"),
        [
            "A request for x goes to a, while the profile p is active.",
            "It would be refused: too many.",
        ],
    ),
    "a selector": (
        document("serve", asked="chat", selector=SELECTOR),
        [
            "A request for chat goes to a, by the selector any (warm).",
            "It would be served at once: a is ready.",
        ],
    ),
}


@pytest.mark.parametrize(("answer", "said"), STORIES.values(), ids=STORIES)
def test_an_answer_is_put_into_sentences(answer: dict[str, Any], said: list[str]) -> None:
    assert list(sentences(answer)) == said


def test_a_name_is_asked_as_it_is() -> None:
    assert question_of("org/a b&c").path == "/api/explain?model=org%2Fa%20b%26c"


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; return the exit status, and what it prints."""
    status = main(["explain", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_nobody_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        status, out, err = outcome(capsys, "a", "--url", url)

    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"llama-swap explain: no llama-swap answers at {url}: ")


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("a", "--port", "1")])
def test_a_wrong_use_is_told_with_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["explain", *arguments])

    assert left.value.code == 2
    assert "usage: llama-swap explain" in capsys.readouterr().err


def test_help_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["explain", "-h"])

    assert left.value.code == 0
    assert "LLAMASWAP_API_KEY" in capsys.readouterr().out


@pytest.mark.parametrize("is_json", [False, True])
def test_the_explanation_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, is_json: bool
) -> None:
    answered = document("serve")

    async def answer(url: str, question: Question) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        assert (url, question.path) == ("http://h:1", "/api/explain?model=a")
        return answered

    monkeypatch.setattr(command, "ask", answer)
    monkeypatch.setenv("LLAMA_SWAP_URL", "http://h:1")
    status, out, err = outcome(capsys, *(["--json"] if is_json else []), "a")

    assert (status, err) == (0, "")
    if is_json:
        assert json.loads(out) == answered
    else:
        assert out == "A request for a:\nIt would be served at once: a is ready.\n"
