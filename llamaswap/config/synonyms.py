"""What people call our keys who know other tools: docker compose, systemd, ollama, llama.cpp.

Pure, and nothing but words. They are written without capitals, ``-`` and ``_``, as they
are compared. Where a key belongs is not said here but found in the schema.
"""

from __future__ import annotations

from collections.abc import Mapping


def folded(key: str) -> str:
    """Return what is left of ``key`` where all spellings of it are one."""
    return key.replace("_", "").replace("-", "").lower()


def _by_word(table: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for meant, words in table.items():
        for word in words.split():
            found[word] = (*found.get(word, ()), meant)
    return found


KEYS: Mapping[str, tuple[str, ...]] = _by_word(
    {
        "aliases": "alias aka othernames",
        "apiKey": "token key auth authtoken bearertoken apitoken",
        "apiKeys": "token tokens key keys auth authtoken bearertoken apitoken password passwords",
        "checkEndpoint": (
            "healthcheck healthcheckpath healthcheckurl healthcheckendpoint health healthendpoint "
            "healthpath healthurl readinessprobe readyendpoint"
        ),
        "cmd": (
            "command commandline cmdline exec execstart entrypoint run start startcmd startcommand "
            "program binary bin"
        ),
        "cmdStop": "stop stopcmd stopcommand execstop shutdown shutdowncommand",
        "concurrencyLimit": (
            "concurrency maxconcurrency maxconcurrent maxconcurrentrequests maxrequests"
        ),
        "connect": "connecttimeout connectiontimeout dialtimeout",
        "env": "environment environmentvariables environ envs envvars",
        "evict_costs": "costs evictioncosts",
        "every": "interval period",
        "globalTTL": "ttl defaultttl idletimeout keepalive",
        "healthCheckTimeout": "loadtimeout starttimeout startuptimeout timeoutstartsec",
        "logLevel": "debug verbose verbosity",
        "macros": "variables",
        "members": "group models",
        "models": "modellist services",
        "name": "title displayname label",
        "path": "file filename database db",
        "persistent": "persist keep pinned",
        "preload": "startup autostart autoload warmup loadonstartup",
        "priority": "priorities",
        "proxy": "url baseurl apibase proxyurl upstream endpoint backend address",
        "responseHeader": "responseheadertimeout headertimeout",
        "setParams": "defaultparams overrideparams extrabody",
        "startPort": "baseport firstport portstart portrange",
        "stripParams": "strip dropparams removeparams",
        "targets": "models members candidates",
        "ttl": "idle idletime idletimeout keepalive sleepidleseconds expiry timetolive unloadafter",
        "unlisted": "hidden hide",
        "unloadTimeout": "stoptimeout graceperiod stopgraceperiod timeoutstopsec killtimeout",
        "useModelName": "upstreamname upstreammodel servedmodelname",
    }
)
"""Our names of what other tools call so; several where it depends on the section."""


def _by_words(table: Mapping[str, str]) -> dict[str, str]:
    return {word: advice for words, advice in table.items() for word in words.split()}


AT_TOP: Mapping[str, str] = _by_words(
    {
        "listen listenaddress listenaddr listenport address addr bind host port server": (
            "where to listen is told by the flag -listen"
        ),
        "tls ssl https cert certificate certfile sslcert tlscert tlscertfile "
        "keyfile sslkey tlskey tlskeyfile": (
            "TLS is told by the flags -tls-cert-file and -tls-key-file"
        ),
        "watch watchconfig reload autoreload": "this is told by the flag -watch-config",
        "include includes import imports configdir": (
            "a folder of further files is told by the flag -config-dir"
        ),
        "log logfile logpath logdir logoutput": "the log goes to stdout: redirect that to a file",
        "modeldir modelsdir modelsdirectory modelspath path": (
            "models are not searched for: each stands under models with its cmd"
        ),
        "cors corsorigins alloworigin allowedorigins alloworigins": (
            "there is nothing to set: browsers are answered whatever their origin"
        ),
    }
)
"""What is no key of ours at the top, and what to do in its place."""

IN_MODEL: Mapping[str, str] = _by_words(
    {
        "args arg argv arguments extraargs cmdargs flags options parameters params": (
            "the arguments of the program stand behind it in cmd"
        ),
        "model modelpath modelfile path file filename gguf weights hf hfrepo mmproj": (
            "the path of the model stands in cmd, as an argument of the program"
        ),
        "ctx ctxsize contextsize contextlength numctx nctx maxmodellen ngl ngpulayers gpulayers "
        "numgpu threads numthread batchsize ubatchsize flashattn flashattention parallel "
        "numparallel np cachetypek cachetypev tensorsplit quantization dtype jinja chattemplate": (
            "the options of the program stand in cmd"
        ),
        "temperature temp topp topk minp repeatpenalty presencepenalty seed maxtokens": (
            "what requests are sent with is set by filters.setParams"
        ),
        "host port listen bind": (
            "the program is told in cmd where to listen, with ${PORT} for its port"
        ),
        "cwd workdir workingdir workingdirectory directory dir": (
            "a program runs in the directory of llama-swap: sh -c 'cd DIR && exec PROGRAM' in cmd "
            "runs it elsewhere"
        ),
        "image container docker ports volumes devices gpus": (
            "a container is started by cmd: docker run --rm IMAGE"
        ),
        "loadtimeout starttimeout startuptimeout timeoutstartsec": (
            "how long models may load is the healthCheckTimeout of the top level"
        ),
    }
)
"""What is no key of a model, and what to do in its place."""
