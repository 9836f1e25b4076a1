"""``llama-swap simulate``: exit statuses, what is printed and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llamaswap.__main__ import main
from tests.observe.test_store import opened, row

TWO = """\
models:
  alpha: {cmd: "x ${PORT}", aliases: [big]}
  beta: {cmd: "x ${PORT}"}
"""
BESIDE = TWO + "groups: {g: {members: [alpha, beta], swap: false}}\n"
SHARES = ["27", "%", "27", "%"]
TRACE = "time,model,duration\n100,big,3\n101,beta,3\n"


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> str:
    return written(tmp_path / "config.yaml", TWO)


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; return the exit status, and what it prints."""
    status = main(["simulate", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_trace_is_played(tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    trace = written(tmp_path / "trace.csv", TRACE)
    flags = ("-config", config, "--trace", trace, "--load", "2", "--stop", "1", "--timeline")
    status, out, err = outcome(capsys, *flags)

    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("Where nothing else is known, a load takes 2 s, a stop 1 s,")
    head = "model requests served refused p50 p95 max loads evicted ready busy"
    assert lines[2].split() == head.split()
    # Loads 0-2, serves 2-5, stops 5-6; loads 6-8, serves 8-11.
    assert lines[3].split() == ["alpha", "1", "1", "0", *["2.00"] * 3, "1", "1", *SHARES]
    assert lines[4].split() == ["beta", "1", "1", "0", *["7.00"] * 3, "1", "0", *SHARES]
    assert "11.0 s from the first request to the end of the last; 1 swaps" in out
    assert "      5.00 s  alpha stops (makes room for beta)" in lines
    assert all(len(line) <= 100 for line in lines)


def test_programs_get_json(tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    trace = written(tmp_path / "trace.csv", TRACE)
    flags = ("-config", config, "--trace", trace, "--load", "2", "--stop", "beta=1", "--json")
    status, out, _ = outcome(capsys, *flags)
    told = json.loads(out)

    assert status == 0
    assert set(told) == {"config"}
    assert told["config"]["file"] == config
    assert told["config"]["makespan"] == 10
    assert told["config"]["models"]["beta"] == {
        "requests": 1,
        "served": 1,
        "refused": {},
        "waits": {"mean": 6, "p50": 6, "p95": 6, "longest": 6},
        "loads": 1,
        "evictions": 0,
        "ready_seconds": 3,
        "busy_seconds": 3,
    }
    assert "timeline" not in told["config"]


def test_two_configurations_are_compared(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace.csv", TRACE)
    rival = written(tmp_path / "rival.yaml", BESIDE)
    flags = ["-config", config, "--against", rival, "--trace", trace, "--load", "2"]
    _, out, _ = outcome(capsys, *flags)
    _, document, _ = outcome(capsys, *flags, "--json", "--timeline")
    told: dict[str, Any] = json.loads(document)

    assert ["swaps", "1", "0", "0.00"] in [line.split() for line in out.splitlines()]
    assert ["longest", "wait", "6.00", "2.00", "0.33"] in [
        line.split() for line in out.splitlines()
    ]
    assert told["ratios"]["longest_wait"] == pytest.approx(1 / 3)
    assert told["ratios"]["refused"] is None
    assert [entry["moment"] for entry in told["config"]["timeline"]] == [0, 5, 5]
    assert [entry["what"] for entry in told["against"]["timeline"]] == [
        "starts (requests waiting: 1)"
    ] * 2


def test_both_timelines_are_told(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace.csv", TRACE)
    rival = written(tmp_path / "rival.yaml", BESIDE)
    flags = ["-config", config, "--against", rival, "--trace", trace, "--timeline"]

    assert outcome(capsys, *flags)[1].count("one column is") == 2


def test_traffic_by_chance_is_the_same_each_time(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(seed: int) -> str:
        spec = f"zipf:requests=50,seconds=60,seed={seed}"
        return outcome(capsys, "-config", config, "--synthetic", spec)[1]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_a_store_is_played(tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "activity.db"
    opened(path, [row(103, 3000, model="alpha"), row(104, 3000, model="beta")]).close()
    status, out, _ = outcome(capsys, "-config", config, "--store", str(path), "--load=2", "--json")

    assert (status, json.loads(out)["config"]["longest_wait"]) == (0, 6)


def test_what_an_instance_has_learned_is_used(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace.csv", TRACE)
    learned = {"version": 1, "models": {"alpha": {"load": 4.0}, "gone": {"load": 1.0}}}
    times = written(tmp_path / "times.json", json.dumps(learned))
    flags = ("-config", config, "--trace", trace, "--times", times, "--json")

    assert json.loads(outcome(capsys, *flags)[1])["config"]["models"]["alpha"]["waits"]["p50"] == 4


def test_keys_without_behaviour_are_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path / "config.yaml", TWO + "apiKeys: [k]\n")

    assert outcome(capsys, "-config", config, "--synthetic", "pair")[::2] == (0, "")


def test_names_that_mean_nobody_are_skipped_and_told(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["1,alpa", "2,alpa", *(f"3,zz{number}" for number in range(11))]
    trace = written(tmp_path / "trace.csv", TRACE + "\n".join(lines))
    status, _, err = outcome(capsys, "-config", config, "--trace", trace)

    said = err.splitlines()
    assert status == 0
    assert said[0] == (
        f"warning: {config}: no model is called 'alpa', did you mean 'alpha'?; requests skipped: 2"
    )
    assert said[10] == f"warning: {config}: 2 more names mean nobody"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--synthetic", "pair:models=3"), "3 models are to be asked, but there are 2"),
        (("--synthetic", "pair", "--load", "beto=1"), "--load: no model is called 'beto', did"),
        (("--synthetic", "pair", "--times", "/none"), "cannot read the times /none: "),
        (("--trace", "/none"), "cannot read the trace /none: "),
        (("--store", "/none"), "/none is no file: expected an activity store"),
        (("--trace", "/dev/null"), "nothing to play: no request is for a model of "),
    ],
)
def test_what_cannot_be_played_is_one_sentence(
    config: str, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], problem: str
) -> None:
    status, out, err = outcome(capsys, "-config", config, *flags)

    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"llama-swap simulate: {problem}")


def test_a_bad_line_of_a_trace_is_told(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = written(tmp_path / "trace.csv", f"{TRACE}noon,alpha,1\n")
    status, out, err = outcome(capsys, "-config", config, "--trace", trace)

    assert (status, out) == (1, "")
    assert f"{trace}:4: invalid time 'noon'" in err


@pytest.mark.parametrize("flag", ["-config", "-against"])
def test_faults_of_a_configuration_are_told(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    bad = written(tmp_path / "bad.yaml", TWO + "  gamma: {cmd: x, ttl: [1]}\n")
    flags = ["-config", config, flag, bad, "--synthetic", "pair"]
    status, out, err = outcome(capsys, *flags)

    assert (status, out) == (1, "")
    assert err.startswith(f"{bad}:4:")


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("--synthetic", "ziff"),
        ("--synthetic", "pair", "--trace", "x"),
        ("--synthetic", "pair", "--load", "soon"),
        ("--synthetic", "pair", "-port", "1"),
    ],
)
def test_wrong_usage_has_a_status_of_its_own(
    config: str, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["simulate", "-config", config, *flags])

    assert left.value.code == 2
    assert "usage: llama-swap simulate" in capsys.readouterr().err
