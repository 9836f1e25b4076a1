"""Models that somebody thinks of running: what is sent is what is understood."""

from __future__ import annotations

import json

from llamaswap.config.load import load_config
from llamaswap.planning import foresee, keep_ports
from llamaswap.policy.plan import Change
from llamaswap.web.proposals import proposal_of, read_proposal
from tests.fakes import A, B

TEXT = r"""
startPort: 6000
healthCheckTimeout: 40
globalTTL: 60
unloadTimeout: 7
macros: {dir: "/m ü 😀"}
models:
  a:
    cmd: |
      # a comment
      x '${dir}' \
        --port ${PORT} --key ${env.KEY}
    cmdStop: "stop ${PID}"
    env: ["A=\u2028${env.KEY}", "P=${PORT}"]
    aliases: ["a-${PORT}", other]
    filters: {setParamsByID: {"a:high": {x: 1}}}
    useModelName: "${MODEL_ID}"
  b: {cmd: y, proxy: "http://127.0.0.1:1/b", checkEndpoint: none, ttl: 0, unloadTimeout: 3}
"""


def test_what_is_read_is_what_was_written() -> None:
    config = load_config(TEXT, environ={"KEY": "k$3'y"})
    read = read_proposal(proposal_of(config))

    assert foresee(config, keep_ports(config, read), {}) == (Change(A, "keep"), Change(B, "keep"))
    assert foresee(read, keep_ports(read, config), {}) == (Change(A, "keep"), Change(B, "keep"))
    assert read.start_port == 6000


def test_a_port_that_only_a_comment_asks_for_is_asked_for_again() -> None:
    config = load_config("""
macros: {base: "# on ${PORT}\\ns"}
models: {a: {cmd: "${base}", env: ["P=${PORT}"]}}
""")
    read = read_proposal(proposal_of(config))

    assert config.models[A].port == read.models[A].port == 5800
    assert foresee(config, keep_ports(config, read), {}) == (Change(A, "keep"),)


def test_nothing_is_written_that_the_plan_does_not_need() -> None:
    config = load_config("{apiKeys: [s3cret], models: {a: {cmd: x, proxy: 'http://h'}}}")
    document = json.loads(proposal_of(config))

    assert document.keys() == {"startPort", "healthCheckTimeout", "models"}
    assert "s3cret" not in str(document)
