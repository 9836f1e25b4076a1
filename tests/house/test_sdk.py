"""The official OpenAI SDK as a client: what it sends is understood, what it gets is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import openai
import pytest
import trio
from attrs import evolve
from openai.types.chat import ChatCompletionUserMessageParam

from tests.house.houses import House, config_of, model, opened

pytestmark = pytest.mark.slow

T = TypeVar("T")

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "hello"}]


async def ask(house: House, question: Callable[[openai.OpenAI], T]) -> T:
    """Ask with a client of its own, in a thread."""

    def in_thread() -> T:
        url = f"{house.client.url}/v1"
        with openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=10) as client:
            return question(client)

    return await trio.to_thread.run_sync(in_thread)


async def test_a_chat_is_completed() -> None:
    async with opened(config_of(a=model("--model-name", "fake-a"))) as house:
        done = await ask(house, lambda c: c.chat.completions.create(model="a", messages=HELLO))

    assert done.model == "fake-a"
    assert done.choices[0].message.content == "The quick brown fox jumps"
    assert done.usage is not None
    assert done.usage.completion_tokens == 5


async def test_a_chat_is_streamed() -> None:
    def stream(client: openai.OpenAI) -> list[str | None]:
        chunks = client.chat.completions.create(model="a", messages=HELLO, stream=True)
        return [chunk.choices[0].delta.content for chunk in chunks]

    async with opened(config_of(a=model())) as house:
        words = await ask(house, stream)

    assert words == ["", "The", " quick", " brown", " fox", " jumps", None]


async def test_a_text_is_embedded() -> None:
    async with opened(config_of(a=model())) as house:
        made = await ask(house, lambda c: c.embeddings.create(model="a", input=["x", "y"]))

    assert [len(entry.embedding) for entry in made.data] == [8, 8]
    assert made.data[0].embedding[:2] == [0.0625, 0.125]


async def test_models_are_listed_and_shown_without_loading_them() -> None:
    config = config_of(a=evolve(model(), aliases=("gpt-4o",)), b=model())
    async with opened(config) as house:
        listed = await ask(house, lambda c: c.models.list())
        shown = await ask(house, lambda c: c.models.retrieve("gpt-4o"))

        assert house.logged(": starting (") == 0
    assert [entry.id for entry in listed.data] == ["a", "b"]
    assert (shown.id, shown.object, shown.owned_by) == ("a", "model", "llama-swap")


async def test_an_unknown_model_is_not_found() -> None:
    async with opened(config_of(a=model())) as house:
        with pytest.raises(openai.NotFoundError) as caught:
            await ask(house, lambda c: c.chat.completions.create(model="x", messages=HELLO))

    assert caught.value.code == "model_not_found"
    assert caught.value.type == "invalid_request_error"


async def test_a_crash_in_a_stream_is_an_error_and_no_end() -> None:
    def stream(client: openai.OpenAI) -> None:
        for _ in client.chat.completions.create(model="a", messages=HELLO, stream=True):
            pass

    entry = model("--die-mid-stream", "2", "--die-by", "exit")
    async with opened(config_of(a=entry)) as house:
        with pytest.raises(openai.APIError, match="broke off its answer") as caught:
            await ask(house, stream)

    assert caught.value.code == "bad_gateway"


async def test_a_recording_is_uploaded_and_the_model_is_renamed_in_the_form() -> None:
    def transcribe(client: openai.OpenAI) -> Any:
        made = client.audio.transcriptions.with_raw_response
        return json.loads(made.create(model="a", file=("hm.wav", b"RIFF\0\xff")).text)

    entry = evolve(model(), use_model_name="whisper-large-v3")
    async with opened(config_of(a=entry)) as house:
        seen = await ask(house, transcribe)

    assert (seen["method"], seen["path"]) == ("POST", "/v1/audio/transcriptions")
    assert 'name="model"\r\n\r\nwhisper-large-v3\r\n' in seen["body"]
    assert "RIFF\0" in seen["body"]
