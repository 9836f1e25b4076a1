"""Every section has a description, and so has every key in it."""

from attrs import fields, has

from llamaswap.config import schema, sections
from llamaswap.config.fields import keys_of

CLASSES = [
    value
    for module in (schema, sections)
    for value in vars(module).values()
    if isinstance(value, type) and has(value) and value.__module__ == module.__name__
]


def test_every_section_and_key_is_described_in_sentences() -> None:
    assert len(CLASSES) > 20
    assert [cls for cls in CLASSES if not (cls.__doc__ or "").strip()] == []
    docs = [info.key.doc for cls in CLASSES for info in keys_of(cls)]
    assert [doc for doc in docs if not doc.endswith(".")] == []


def test_only_what_is_computed_is_no_key() -> None:
    others = {
        attribute.name
        for cls in CLASSES
        for attribute in fields(cls)
        if attribute.name not in {info.attribute for info in keys_of(cls)}
    }

    assert others == {"unsupported", "places", "warnings", "sources", "digest", "port", "unfilled"}


def test_names_follow_one_rule_with_few_exceptions() -> None:
    odd = {
        info.name
        for cls in CLASSES
        for info in keys_of(cls)
        if info.key.yaml and info.key.yaml != info.attribute
    }

    assert odd == {"globalTTL", "setParamsByID", "in", "out", "routing"}


def test_peers_wait_a_minute_for_an_answer_and_models_for_ever() -> None:
    assert sections.PeerTimeoutsConfig().response_header == 60
    assert sections.TimeoutsConfig().response_header == 0
