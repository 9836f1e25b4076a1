"""The corpus under ``cases/``: one file for each configuration, with what must come of it.

A case has the ``input``: a text, or bytes of a file; and may have ``files`` for a
``--config-dir`` and ``environ``. It says what is expected in ``expect`` (a key path, in
the words of the file, and the value there), or in ``faults``, and all the keys that are
warned of in ``warnings``. These names stand for what is computed:

- ``argv``, ``stopArgv``: a model's ``cmd`` and ``cmdStop`` as arguments on POSIX
- ``idleAfter``, ``stopWithin``, ``concurrency``, ``loadingState``: a model's, or inherited
- ``stripped``: what a model's ``stripParams`` removes
- ``evicted``: at the top, for ``wanted/running,running``: who must leave by the matrix
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import attrs
import cattrs
import pytest
import yaml
from attrs import field, frozen

from llamaswap.config.fields import keys_of
from llamaswap.config.filters import stripped_parameters
from llamaswap.config.load import load_config
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.text import split_command
from llamaswap.errors import ConfigError
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.matrix import compile_matrix
from llamaswap.policy.rules import ModelId

CASES = Path(__file__).parent / "cases"


@frozen
class ExpectedFault:
    path: str
    says: tuple[str, ...]
    line: int = 0
    file: str | None = None
    """The end of the file's name; ``None``: not looked at."""

    expected: str | None = None
    found: str | None = None
    suggestion: str | None = None
    """The parts of the message; ``None``: not looked at."""


@frozen
class Case:
    input: str | bytes | None = None
    files: Mapping[str, str] | None = None
    environ: Mapping[str, str] = field(factory=dict[str, str])
    expect: Mapping[str, Any] | None = None
    faults: tuple[ExpectedFault, ...] | None = None
    warnings: tuple[str, ...] | None = None
    """``None``: not looked at."""

    def load(self, folder: Path) -> Config:
        source: Path | str | None
        if isinstance(self.input, bytes):
            source = folder / "config.yaml"
            source.write_bytes(self.input)
        else:
            source = self.input
        fragments = None
        if self.files is not None:
            fragments = folder / "config.d"
            fragments.mkdir(exist_ok=True)
            for name, text in self.files.items():
                (fragments / name).write_text(text, "utf-8")
        return load_config(source, config_dir=fragments, environ=self.environ)


def _converter() -> cattrs.Converter:
    def as_it_is(value: str | bytes | None, _kind: object) -> str | bytes | None:
        return value

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str | bytes | None, as_it_is)
    return converter


def _read(path: Path) -> Case:
    return _converter().structure(yaml.safe_load(path.read_text("utf-8")), Case)


ALL = {
    str(path.relative_to(CASES).with_suffix("")): _read(path)
    for path in sorted(CASES.rglob("*.yaml"))
}

GOOD = {name: case for name, case in ALL.items() if case.faults is None}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_case(case: Case, tmp_path: Path) -> None:
    if case.faults is not None:
        with pytest.raises(ConfigError) as caught:
            case.load(tmp_path)
        assert _missing(case.faults, caught.value) == []
        return
    config = case.load(tmp_path)

    expected = dict(case.expect or {})
    assert {path: _shown(_at(config, path)) for path in expected} == {
        path: _shown(value) for path, value in expected.items()
    }
    if case.warnings is not None:
        assert [warning.path for warning in config.warnings] == list(case.warnings)


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD)
def test_what_is_loaded_twice_is_the_same(case: Case, tmp_path: Path) -> None:
    assert case.load(tmp_path) == case.load(tmp_path)


def test_the_corpus_is_large() -> None:
    homes = [name for name in ALL if name.startswith("homelab/")]

    assert len(ALL) >= 150
    assert len(homes) >= 10


def test_every_case_expects_something() -> None:
    assert [
        name for name, case in ALL.items() if not (case.faults or case.expect or case.warnings)
    ] == []


def _missing(expected: tuple[ExpectedFault, ...], error: ConfigError) -> list[str]:
    """Return how the faults differ from those expected, which stand in the same order."""
    wrong: list[str] = []
    if len(expected) != len(error.faults):
        wrong.append(f"{len(expected)} faults expected, found {error}")
    for wanted, found in zip(expected, error.faults, strict=False):
        if (wanted.path, wanted.line) != (found.path, found.line):
            wrong.append(f"{wanted.path} in line {wanted.line} expected, found {found}")
        if wanted.file is not None and not found.file.endswith(wanted.file):
            wrong.append(f"{wanted.file} expected, found {found}")
        wrong += [
            f"{part}: {text!r} expected, found {getattr(found, part)!r}"
            for part in ("expected", "found", "suggestion")
            if (text := getattr(wanted, part)) not in {None, getattr(found, part)}
        ]
        said = f"{found.path}: {found.message}"
        wrong += [f"{word!r} is not in {said!r}" for word in wanted.says if word not in said]
    return wrong


def _arguments(text: str) -> list[str]:
    return list(split_command(text, windows=False))


COMPUTED: Mapping[str, Callable[[Config, ModelId, ModelConfig], object]] = {
    "argv": lambda _config, _name, model: _arguments(model.cmd),
    "stopArgv": lambda _config, _name, model: _arguments(model.cmd_stop),
    "idleAfter": lambda config, name, _model: config.idle_after(name),
    "stopWithin": lambda config, name, _model: config.stop_within(name),
    "concurrency": lambda config, name, _model: config.concurrency_limit(name),
    "loadingState": lambda config, name, _model: config.sends_loading_state(name),
    "stripped": lambda _config, _name, model: stripped_parameters(model.filters.strip_params),
}


def _at(config: Config, path: str) -> object:
    """Return what stands at a path like ``models.a.ttl``."""
    if path.startswith("evicted "):
        return _evicted(config, path.removeprefix("evicted "))
    section, _, rest = path.partition(".")
    if section == "models":
        for name, model in config.models.items():
            if rest.removeprefix(f"{name}.") in COMPUTED:
                return COMPUTED[rest.removeprefix(f"{name}.")](config, name, model)
    if section == "groups":
        return _below({rule.name: rule for rule in config.all_groups()}, rest)
    return _below(config, path)


def _below(value: object, path: str) -> object:
    """Return what stands at ``path`` below ``value``; a key may have dots of its own."""
    if not path:
        return value
    inner = _inner(value)
    for key in sorted(inner, key=len, reverse=True):
        if path == key or path.startswith(f"{key}."):
            return _below(inner[key], path[len(key) + 1 :])
    raise AssertionError(f"no {path} among {', '.join(inner)}")


def _inner(value: object) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)
        return {str(key): item for key, item in named.items()}
    if isinstance(value, GroupRule):
        return attrs.asdict(value)
    if attrs.has(type(value)):
        return {key.name: getattr(value, key.attribute) for key in keys_of(type(value))}
    return {}


def _evicted(config: Config, situation: str) -> list[str]:
    assert config.matrix is not None
    matrix = compile_matrix(
        config.matrix.vars, config.matrix.evict_costs, config.matrix.sets, config.models
    )
    wanted, _, running = situation.partition("/")
    names = [ModelId(name) for name in running.split(",") if name]
    return sorted(matrix.at(frozenset(names))(ModelId(wanted)))


def _shown(value: object) -> str:
    """Write a value so that ``1``, ``1.0`` and ``true`` are different, and tuples are lists."""

    # JSON knows tuples; what it does not know has keys.
    def plain(value: object) -> object:
        return dict(_inner(value))

    return json.dumps(value, default=plain, sort_keys=True, ensure_ascii=False)
