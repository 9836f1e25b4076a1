"""The order in which a document is filled."""

from llamaswap.config.conversions import to_section
from llamaswap.config.document import Plain, Report
from llamaswap.config.expansion import expand_document, section_at


def _expand(document: dict[str, Plain]) -> tuple[dict[str, Plain], list[str]]:
    report = Report()
    return expand_document(document, report).document, [str(fault) for fault in report.faults]


def test_ports_are_given_in_the_order_of_ids() -> None:
    expanded, faults = _expand(
        {"startPort": 10, "models": {name: {"cmd": "s ${PORT}"} for name in ("a9", "_z", "B")}}
    )

    assert expanded["models"] == {
        "B": {"cmd": "s 10", "proxy": "http://localhost:10"},
        "_z": {"cmd": "s 11", "proxy": "http://localhost:11"},
        "a9": {"cmd": "s 12", "proxy": "http://localhost:12"},
    }
    assert faults == []


def test_first_port_that_is_none_costs_no_second_fault() -> None:
    for start in (0, -5, "abc", None):
        expanded, faults = _expand({"startPort": start, "models": {"m": {"cmd": "${PORT}"}}})

        assert expanded["models"] == {"m": {"cmd": 5800, "proxy": "http://localhost:5800"}}
        assert faults == []


def test_comments_go_before_macros_come() -> None:
    expanded, faults = _expand(
        {
            "macros": {"base": "srv ${PORT}\n# stays\n"},
            "models": {"m": {"cmd": "${base}\n# ${undefined}\n", "cmdStop": "# ${x}\nk ${PID}"}},
        }
    )

    assert expanded["models"] == {
        "m": {
            "cmd": "srv 5800\n# stays\n\n",
            "cmdStop": "k ${PID}",
            "proxy": "http://localhost:5800",
        }
    }
    assert faults == []


def test_model_without_keys_has_no_command() -> None:
    _, faults = _expand({"models": {"m": {}}})

    assert faults == ["models.m.cmd: models.m has no cmd: give the command that starts its server"]


def test_null_model_loads_as_it_does_in_the_reference() -> None:
    expanded, faults = _expand({"models": {"m": None}})

    assert expanded["models"] == {"m": {}}
    assert faults == []


def test_model_that_is_no_mapping_is_told_once() -> None:
    expanded, faults = _expand({"models": {"m": "srv"}})

    assert expanded["models"] == {"m": {}}
    assert faults == ["models.m: expected a mapping of keys, found the text 'srv'"]


def test_sections_of_nobody_are_left_out_unseen() -> None:
    expanded, faults = _expand({"listen": "${x}", "x-y": "${z}", "macros": {"a": 1}})

    assert expanded == {"models": {}, "macros": {"a": 1}}
    assert faults == []


def test_only_global_macros_count_outside_models() -> None:
    _, faults = _expand({"macros": {"a": 1}, "globalTTL": "${a}", "hooks": ["${MODEL_ID}"]})

    assert faults == [
        "hooks[0]: unknown macro ${MODEL_ID}: it is known inside models only",
    ]


def test_section_of_another_kind_is_told() -> None:
    report = Report()

    assert section_at(["a"], ("models",), report) == {}
    assert [str(fault) for fault in report.faults] == [
        "models: expected a mapping of keys, found a list"
    ]


def test_macros_stay_as_they_are_written() -> None:
    expanded, faults = _expand(
        {
            "macros": {"a": "x"},
            "models": {"m": {"cmd": "s ${PORT}", "macros": {"b": "${a} ${PORT}"}}},
        }
    )

    assert expanded["macros"] == {"a": "x"}
    assert expanded["models"] == {
        "m": {"cmd": "s 5800", "proxy": "http://localhost:5800", "macros": {"b": "${a} ${PORT}"}}
    }
    assert faults == []


def test_names_of_parameters_are_filled_and_other_keys_are_not() -> None:
    by_id: Plain = {"${MODEL_ID}:${k}": {"${k}": "${k}"}, "p${PORT}": {}}
    expanded, faults = _expand(
        {
            "macros": {"k": "kk"},
            "models": {"m": {"cmd": "${PORT}", "filters": {"setParamsByID": by_id}}},
        }
    )

    model = to_section(to_section(expanded["models"])["m"])
    assert model["filters"] == {"setParamsByID": {"m:kk": {"${k}": "kk"}, "p5800": {}}}
    assert faults == []


def test_name_that_cannot_be_filled_is_told() -> None:
    huge = {"a0": "x" * 1000} | {f"a{i}": f"${{a{i - 1}}}" * 10 for i in range(1, 5)}
    by_id: Plain = {"${nope}": {}, "${a4}": {}, "${k}": {}, "1": {}}
    _, faults = _expand(
        {
            "macros": {**huge, "k": 1},
            "models": {"m": {"cmd": "${PORT}", "filters": {"setParamsByID": by_id}}},
        }
    )

    assert [fault.partition("; ")[0] for fault in faults] == [
        (
            "models.m.filters.setParamsByID.${nope}: unknown macro ${nope}: expected a declared "
            "macro, PORT or MODEL_ID"
        ),
        (
            "models.m.filters.setParamsByID.${a4}: unknown macro ${a4}: what uses it stands "
            "above it, and a macro can use only those above itself"
        ),
        (
            "models.m.filters.setParamsByID.1: the names '${k}' and '1' resolve to the same "
            "value '1'"
        ),
    ]


def test_section_that_was_told_before_is_not_told_again() -> None:
    report = Report()
    report.taint(("models",))

    assert section_at(5, ("models",), report) == {}
    assert report.faults == ()
