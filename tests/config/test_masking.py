"""What is hidden, and what is not."""

from __future__ import annotations

import pytest

from llamaswap.config.document import Plain
from llamaswap.config.masking import masked, secrets_of
from llamaswap.config.schema import Config, FiltersConfig, ModelConfig
from llamaswap.config.sections import PeerConfig, PeerFiltersConfig
from llamaswap.policy.rules import ModelId


def of_model(model: ModelConfig) -> set[str]:
    return set(secrets_of(Config(models={ModelId("m"): model})))


def test_keys_are_secrets() -> None:
    peers = {"p": PeerConfig(api_key="theirs"), "q": PeerConfig()}

    assert secrets_of(Config(api_keys=("ours",), peers=peers)) == {"ours", "theirs"}


def test_what_is_called_like_a_secret_in_free_mappings_is_one() -> None:
    model = ModelConfig(
        metadata={"token": "one", "a": {"api_key": "two", "max_tokens": "x"}, "key": 5},
        filters=FiltersConfig(
            set_params={"a.password": "three"}, set_params_by_id={"m:x": {"secret": "four"}}
        ),
    )
    peers = {"p": PeerConfig(filters=PeerFiltersConfig(set_params={"api_key": "five"}))}
    config = Config(peers=peers, models={ModelId("m"): model})

    assert secrets_of(config) == {"one", "two", "three", "four", "five"}


def test_passwords_in_urls_are_secrets() -> None:
    peers = {"p": PeerConfig(proxy="https://me:one@host/v1")}
    model = ModelConfig(
        proxy="http://me:two%2F@127.0.0.1:5800",
        cmd="x --from http://u:three@h/f http://h:80/a@b",
        env=("URL=redis://:four@h", "PATH=/a:/b@c"),
    )
    config = Config(peers=peers, models={ModelId("m"): model})

    assert secrets_of(config) == {"one", "two%2F", "three", "four"}
    shown = masked({"proxy": model.proxy}, secrets_of(config))
    assert shown == {"proxy": "http://me:***@127.0.0.1:5800"}


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("/health?key=s", {"s"}),
        ("/health?a=b&api_key=s&c=d", {"s"}),
        ("/health?monkey=s&keys=t", set[str]()),
        ("http://h/?token=s#t", {"s"}),
        ("curl -H 'Authorization: Bearer sk-12345' h", {"sk-12345"}),
        ('curl -H "authorization: basic dTpwYXNz==" h', {"dTpwYXNz=="}),
        ("x --basic training", set[str]()),
        ("x --tests basic quick", set[str]()),
    ],
)
def test_queries_and_headers_hold_secrets(text: str, secrets: set[str]) -> None:
    assert of_model(ModelConfig(cmd_stop=text)) == secrets
    assert of_model(ModelConfig(check_endpoint=text)) == secrets


@pytest.mark.parametrize(
    ("entry", "secrets"),
    [
        ("HF_TOKEN=s", {"s"}),
        ("AUTH=s", {"s"}),
        ("OPENAI_API_KEY=s=t", {"s=t"}),
        ("password=s", {"s"}),
        ("MONKEY=s", set[str]()),
        ("KEYBOARD=s", set[str]()),
        ("TOKEN=", set[str]()),
        ("X=TOKEN=s", set[str]()),
    ],
)
def test_variables_that_are_called_like_secrets_are(entry: str, secrets: set[str]) -> None:
    assert of_model(ModelConfig(env=(entry,))) == secrets


@pytest.mark.parametrize(
    ("command", "secrets"),
    [
        ("x --api-key s -m t", {"s"}),
        ("x --api-key=s t", {"s"}),
        ("x -hf-token s", {"s"}),
        ("x -hft s", {"s"}),
        ("x --apikey s", {"s"}),
        ("x --api-key-file s", set[str]()),
        ("x --api-key", set[str]()),
        ("x --monkey s", set[str]()),
        ("docker run -e HF_TOKEN=s i", {"s"}),
        ("docker run -e HF_HOME=s i", set[str]()),
        ("docker run --env=HF_TOKEN=s i", {"s"}),
        ("docker run -eHF_TOKEN=s i", {"s"}),
        ("env HF_TOKEN=s=t x", {"s=t"}),
        ("x --override-kv tokenizer.ggml.add_bos_token=bool:false", set[str]()),
    ],
)
def test_arguments_behind_options_that_are_called_like_secrets_are(
    command: str, secrets: set[str]
) -> None:
    assert of_model(ModelConfig(cmd=command)) == secrets
    assert of_model(ModelConfig(cmd_stop=command)) == secrets


def test_a_secret_is_hidden_at_any_depth() -> None:
    values: dict[str, Plain] = {"a": ["sk-12345678", {"b": "Bearer sk-12345678"}], "n": 1}

    assert masked(values, {"sk-12345678"}) == {"a": ["***", {"b": "Bearer ***"}], "n": 1}


def test_a_short_secret_is_hidden_as_a_word_alone() -> None:
    values: dict[str, Plain] = {"a": "local", "b": "http://localhost"}

    assert masked(values, {"local"}) == {"a": "***", "b": "http://localhost"}


def test_of_two_secrets_the_longer_is_hidden_first() -> None:
    assert masked({"a": "12345678-9"}, {"12345678", "12345678-9"}) == {"a": "***"}


def test_without_secrets_all_stays() -> None:
    assert masked({"a": "b"}, ()) == {"a": "b"}
