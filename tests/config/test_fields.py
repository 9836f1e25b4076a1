"""Keys that are described where their fields are declared."""

from attrs import field, frozen

from llamaswap.config.fields import key, keys_of, section
from llamaswap.config.schema import Config
from llamaswap.config.sections import PeerConfig


@frozen
class Below:
    on: bool = key(False, "Whether.")  # noqa: FBT003 - as in the schema


@frozen
class Above:
    two_words: int = key(5, "A number.")
    odd: str | None = key(None, "A text.", yaml="ODD", secret=True, choices=("a",))
    below: Below = section(Below, "A section.")
    elsewhere: int = key(0, "Built by hand.", shape=Below)
    no_key: int = 7
    neither: int = field(default=8)


def test_keys_know_their_name_type_and_default() -> None:
    found = keys_of(Above)

    assert [(info.attribute, info.name, info.kind, info.default) for info in found] == [
        ("two_words", "twoWords", int, 5),
        ("odd", "ODD", str | None, None),
        ("below", "below", Below, Below()),
        ("elsewhere", "elsewhere", Below, 0),
    ]
    assert [info.key.doc for info in found] == [
        "A number.",
        "A text.",
        "A section.",
        "Built by hand.",
    ]
    assert found[1].key.choices == ("a",)


def test_class_with_keys_is_an_ordinary_value() -> None:
    assert Above() == Above(5, None, Below(on=False), 0, 7, 8)


def test_secrets_are_not_shown() -> None:
    shown = repr(Above(odd="hush")) + repr(Config(api_keys=("hush",)))

    assert "hush" not in shown + repr(PeerConfig(api_key="hush"))
