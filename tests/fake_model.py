"""A small model server to run as a child, which can fail in every way we know.

Run it as ``sys.executable tests/fake_model.py --port N …``; see `parse` for the
options. It speaks HTTP/1.1 with kept connections, one thread each, on bare sockets,
because it must start fast: it imports little and listens after some 40 ms. It ends
by itself when its parent dies or its lifetime is over, so a test leaves no orphans.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, BinaryIO, NoReturn

Json = dict[str, Any]

WORDS = ("The", " quick", " brown", " fox", " jumps", " over", " the", " lazy", " dog", ".")
REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}
CREATED = 1_700_000_000
DIMENSIONS = 8
LOADING: Json = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="A model server for tests.")
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 picks one; it is printed as 'listening on N'")
    add("--bind", default="127.0.0.1", metavar="HOST")
    add("--model-name", default="fake", help="what the answers call the model")
    add("--lifetime", type=float, default=120.0, help="seconds until it ends by itself")
    add("--say", metavar="TEXT", help="print TEXT at the start and 'TEXT ready' when loaded")
    add("--load", type=float, default=0.0, help="seconds until /health is good")
    add("--late", action="store_true", help="listen only when loaded, not from the start")
    add("--never-healthy", action="store_true", help="/health stays 503")
    add("--hang", action="store_true", help="accept connections and never answer")
    add("--refuse-port", action="store_true", help="never listen")
    add("--exit", type=int, metavar="CODE", help="exit with CODE; see --after")
    add("--after", type=float, default=0.0, help="seconds from the start to that exit")
    add("--ignore-sigterm", action="store_true")
    add("--slow-sigterm", type=float, metavar="SECONDS", help="print 'ending', wait, print 'ended'")
    add("--grandchild", action="store_true", help="a child in the group that holds stdout")
    add("--grandchild-session", action="store_true", help="the same in a session of its own")
    add("--flood", action="store_true", help="print without end")
    add("--hold", action="store_true", help="hold each POST until GET /release")
    add("--step", action="store_true", help="hold each event of a stream after the first, likewise")
    add("--tokens", type=int, default=5, help="length of an answer")
    add("--gap", type=float, default=0.0, help="seconds between two streamed tokens")
    add("--die-mid-stream", type=int, metavar="N", help="break off after N events")
    add("--die-by", choices=("close", "exit"), default="close", help="what breaks off")
    add("--idle", type=int, help=argparse.SUPPRESS)  # we are the grandchild; the pid to outlive
    return parser.parse_args()


def say(text: str) -> None:
    """Print a line in one write, so that lines of several threads do not mix."""
    os.write(1, f"{text}\n".encode())


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def live_until(end: float, parent: int, *, orphaned: bool = False) -> NoReturn:
    """End the program at that moment, or when the parent has died."""
    while time.monotonic() < end:
        if not is_alive(parent) if orphaned else os.getppid() != parent:
            break
        time.sleep(0.2)
    os._exit(77)


class Gate:
    """Holds requests until somebody releases those that are held."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._released = 0
        self.held = 0

    def wait(self) -> None:
        """Wait for the next release."""
        with self._condition:
            generation = self._released
            self.held += 1
            self._condition.wait_for(lambda: self._released > generation)

    def release(self) -> int:
        """Let go on who waits; return how many they are."""
        with self._condition:
            self._released += 1
            # At once, so that whoever asks again sees those that come after.
            released, self.held = self.held, 0
            self._condition.notify_all()
            return released


class Model:
    """What all connections share."""

    def __init__(self, options: argparse.Namespace, began: float) -> None:
        self.options = options
        self.ready_at = began + options.load
        self.gate = Gate()

    def is_loaded(self) -> bool:
        """Tell whether the load time is over."""
        return time.monotonic() >= self.ready_at and not self.options.never_healthy

    def tokens(self) -> list[str]:
        """Return the words of an answer."""
        return [WORDS[i % len(WORDS)] for i in range(self.options.tokens)]

    def answer(self, kind: str, choices: list[Json], **more: object) -> Json:
        """Return an answer of the completion APIs, or one event of it."""
        name = f"{'chatcmpl' if kind.startswith('chat') else 'cmpl'}-{os.getpid()}"
        shared = {"id": name, "object": kind, "created": CREATED}
        return shared | {"model": self.options.model_name, "choices": choices} | more

    def usage(self, body: Json) -> Json:
        """Count words, which are our tokens."""
        prompt = max(len(json.dumps(body.get("messages", body.get("prompt", ""))).split()), 1)
        done = self.options.tokens
        total = prompt + done
        return {"prompt_tokens": prompt, "completion_tokens": done, "total_tokens": total}


class Connection:
    """One client: requests are read and answered one after the other."""

    def __init__(self, model: Model, client: socket.socket) -> None:
        self.model = model
        self.options = model.options
        self.client = client
        self.reader: BinaryIO = client.makefile("rb")

    def serve(self) -> None:
        """Answer until the client leaves."""
        try:
            while not self.options.hang and self.exchange():
                pass
            while self.options.hang and self.client.recv(65536):
                pass
        except OSError:
            pass  # the client hung up
        finally:
            self.reader.close()
            self.client.close()

    def exchange(self) -> bool:
        """Read a request and answer it; false when there was none."""
        words = self.reader.readline().split()
        if len(words) < 3:
            return False
        method, path = words[0].decode(), words[1].decode()
        headers: list[tuple[str, str]] = []
        while line := self.reader.readline().strip():
            name, _, value = line.partition(b":")
            headers.append((name.decode("latin-1"), value.strip().decode("latin-1")))
        body = self.read_body({name.lower(): value for name, value in headers})
        return self.route(method, path, headers, body)

    def read_body(self, headers: dict[str, str]) -> bytes:
        """Read what follows the head."""
        if headers.get("expect", "").lower() == "100-continue":
            self.client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self.reader.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.reader.readline().split(b";")[0], 16):
            body += self.reader.read(size)
            self.reader.readline()
        while self.reader.readline().strip():
            pass  # trailers
        return body

    def route(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> bool:
        """Answer one request; false when the connection is over."""
        bare = path.partition("?")[0]
        told = self.tell(bare)
        if told is not None:
            return self.send(*told)
        if method == "POST" and self.options.hold:
            self.model.gate.wait()
        answers = {
            "/v1/chat/completions": self.chat,
            "/v1/completions": self.complete,
            "/v1/embeddings": self.embed,
        }
        if method == "POST" and bare in answers:
            if not self.model.is_loaded():
                return self.send(503, LOADING)
            return answers[bare](json.loads(body))
        echo = {"method": method, "path": path, "headers": headers}
        return self.send(200, echo | {"body": body.decode("utf-8", "replace")})

    def tell(self, path: str) -> tuple[int, Json] | None:
        """Return the answer of the endpoints that are about us."""
        gate, name = self.model.gate, self.options.model_name
        if path == "/health":
            loaded = self.model.is_loaded()
            return (200, {"status": "ok"}) if loaded else (503, LOADING)
        if path == "/release":
            return 200, {"released": gate.release()}
        if path == "/held":
            return 200, {"held": gate.held}
        if path == "/v1/models":
            entry = {"id": name, "object": "model", "created": CREATED, "owned_by": "fake"}
            return 200, {"object": "list", "data": [entry]}
        return None

    def chat(self, body: Json) -> bool:
        """Answer ``/v1/chat/completions``."""
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(self.model.tokens())}
            return self.send_whole(body, "chat.completion", {"message": message})
        parts: list[Json] = [{"delta": {"role": "assistant", "content": ""}}]
        parts += [{"delta": {"content": token}} for token in self.model.tokens()]
        return self.stream(body, "chat.completion.chunk", [*parts, {"delta": {}}])

    def complete(self, body: Json) -> bool:
        """Answer ``/v1/completions``."""
        if not body.get("stream"):
            return self.send_whole(body, "text_completion", {"text": "".join(self.model.tokens())})
        parts = [{"text": token} for token in self.model.tokens()]
        return self.stream(body, "text_completion", [*parts, {"text": ""}])

    def embed(self, body: Json) -> bool:
        """Answer ``/v1/embeddings``, a vector for each text or list of tokens."""
        given = body.get("input", "")
        single = isinstance(given, str) or (given and isinstance(given[0], int))
        count, size = 1 if single else len(given), body.get("dimensions") or DIMENSIONS
        data: list[Json] = []
        for index in range(count):
            vector: object = [(index + i + 1) / 16 for i in range(size)]
            if body.get("encoding_format") == "base64":
                vector = packed(size, index)
            data.append({"object": "embedding", "index": index, "embedding": vector})
        usage = {"prompt_tokens": count, "total_tokens": count}
        model = self.options.model_name
        return self.send(200, {"object": "list", "data": data, "model": model, "usage": usage})

    def send_whole(self, body: Json, kind: str, part: Json) -> bool:
        """Send a completion in one piece."""
        usage = self.model.usage(body)
        return self.send(200, self.model.answer(kind, [choice(part, "stop")], usage=usage))

    def stream(self, body: Json, kind: str, parts: list[Json]) -> bool:
        """Send a completion as server-sent events, one HTTP chunk each."""
        self.client.sendall(head(200, self.options, "text/event-stream", "chunked"))
        asked: Json = body.get("stream_options") or {}
        wants_usage = bool(asked.get("include_usage"))
        more: Json = {"usage": None} if wants_usage else {}
        for sent, part in enumerate(parts):
            if sent == self.options.die_mid_stream:
                return self.die()
            if sent and self.options.step:
                self.model.gate.wait()
            if sent and self.options.gap:
                time.sleep(self.options.gap)
            end = "stop" if sent == len(parts) - 1 else None
            self.send_event(json.dumps(self.model.answer(kind, [choice(part, end)], **more)))
        if wants_usage:
            usage = self.model.usage(body)
            self.send_event(json.dumps(self.model.answer(kind, [], usage=usage)))
        self.send_event("[DONE]")
        self.client.sendall(b"0\r\n\r\n")
        return True

    def send_event(self, text: str) -> None:
        """Send one event in one write."""
        event = f"data: {text}\n\n".encode()
        self.client.sendall(b"%x\r\n%s\r\n" % (len(event), event))

    def die(self) -> bool:
        """Break off in the middle of an answer."""
        if self.options.die_by == "exit":
            os._exit(13)
        return False

    def send(self, status: int, content: Json) -> bool:
        """Send a whole answer in one write."""
        body = json.dumps(content).encode()
        self.client.sendall(head(status, self.options, "application/json", len(body)) + body)
        return True


def choice(part: Json, end: str | None) -> Json:
    """Return the only choice we offer."""
    return {"index": 0, **part, "logprobs": None, "finish_reason": end}


def packed(size: int, index: int) -> str:
    """Return a vector as the official SDK asks for it by default."""
    import base64  # noqa: PLC0415 - rare, and the start must be fast
    import struct  # noqa: PLC0415

    vector = ((index + i + 1) / 16 for i in range(size))
    return base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()


def head(status: int, options: argparse.Namespace, kind: str, length: int | str) -> bytes:
    """Return the head of an answer; ``X-Fake-Pid`` and ``X-Fake-Model`` say whose it is."""
    sized = "Transfer-Encoding" if length == "chunked" else "Content-Length"
    return (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\n{sized}: {length}\r\n"
        f"X-Fake-Pid: {os.getpid()}\r\nX-Fake-Model: {options.model_name}\r\n\r\n"
    ).encode()


def start_grandchild(options: argparse.Namespace, parent: int, *, session: bool) -> None:
    """Start a process that holds our stdout; it prints ``grandchild PID``."""
    import subprocess  # noqa: PLC0415 - rare, and the start must be fast

    idle = [sys.executable, __file__, "--idle", str(parent), "--lifetime", str(options.lifetime)]
    subprocess.Popen(idle, start_new_session=session)


def handle_sigterm(options: argparse.Namespace) -> None:
    """Install what the options say; the default is to die of it at once."""

    def end_slowly(*_: object) -> None:
        say("ending")
        time.sleep(options.slow_sigterm)
        say("ended")
        os._exit(0)

    if options.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif options.slow_sigterm is not None:
        signal.signal(signal.SIGTERM, end_slowly)


def announce(options: argparse.Namespace, ready_at: float) -> None:
    """Say that the model is loaded."""
    time.sleep(max(ready_at - time.monotonic(), 0))
    say(f"{options.say} ready")


def flood() -> NoReturn:
    """Print without end."""
    while True:
        os.write(1, (b"x" * 1023 + b"\n") * 16)


def in_thread(work: Any, *arguments: object) -> None:
    """Run it beside the rest."""
    threading.Thread(target=work, args=arguments, daemon=True).start()


def main() -> None:
    """Serve until something ends us."""
    began, parent = time.monotonic(), os.getppid()
    options = parse()
    if options.idle:
        say(f"grandchild {os.getpid()}")
        live_until(began + options.lifetime, options.idle, orphaned=True)
    handle_sigterm(options)
    in_thread(live_until, began + options.lifetime, parent)
    model = Model(options, began)
    if options.say:
        say(options.say)
        if not (options.never_healthy or options.hang or options.refuse_port):
            in_thread(announce, options, model.ready_at)
    if options.grandchild or options.grandchild_session:
        start_grandchild(options, parent, session=options.grandchild_session)
    if options.flood:
        in_thread(flood)
    if options.exit is not None:
        threading.Timer(options.after, os._exit, (options.exit,)).start()
    if options.refuse_port:
        threading.Event().wait()
    if options.late:
        time.sleep(max(model.ready_at - time.monotonic(), 0))
    listen(model)


def listen(model: Model) -> NoReturn:
    """Accept connections, a thread for each."""
    port, host = model.options.port, model.options.bind
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=1024) as listener:
        if port == 0:
            say(f"listening on {listener.getsockname()[1]}")
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            in_thread(Connection(model, client).serve)


if __name__ == "__main__":
    main()
