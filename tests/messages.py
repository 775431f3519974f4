"""A server on loopback that speaks Anthropic's Messages API: it answers each question as a script says, and keeps what
it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = dict[str, Any] | str | int | float  # a value; text as it is; an HTTP status; seconds without an answer
NOTHING: dict[str, Any] = {
    "action": "leave", "recipe": "", "parent": None, "overrides": [], "sweep": [], "without": [], "cheap": False,
    "hypothesis": "", "expected_gain": 0.0, "uncertainty": 0.1, "evidence": [],
}  # fmt: skip


def said(**changes: Any) -> dict[str, Any]:
    """An answer of the form that is asked for."""
    return {**NOTHING, "action": "propose", **changes}


class Server:
    """What was asked, and what is answered."""

    def __init__(self, script: Callable[[int, dict[str, Any]], Reply], stop: str = "end_turn") -> None:
        self.script, self.stop = script, stop
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    @property
    def prompts(self) -> list[str]:
        """The whole text of each question."""
        return [ask["system"][0]["text"] + ask["messages"][0]["content"] for ask in self.asked]


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Serve until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.asked.append(body)
            server.headers.append({key.lower(): value for key, value in self.headers.items()})
            reply = server.script(len(server.asked) - 1, body)
            if isinstance(reply, float):
                time.sleep(reply)
                return
            if isinstance(reply, int):
                self.answer(reply, {"type": "error", "error": {"type": "api_error", "message": f"status {reply}"}})
                return
            text = reply if isinstance(reply, str) else json.dumps(reply)
            usage = {"input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 500}
            usage["cache_creation_input_tokens"] = 0
            message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"]}
            message |= {"content": [{"type": "text", "text": text}] if text else [], "usage": usage}
            self.answer(200, {**message, "stop_reason": server.stop, "stop_sequence": None})

        def answer(self, status: int, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
