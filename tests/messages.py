"""A server on loopback that speaks Anthropic's Messages API: it answers each question as a script says, and keeps what
it was asked, at once or in batches."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# a value; text as it is; an HTTP status; seconds without an answer; text and why it stopped
Reply = dict[str, Any] | str | int | float | tuple[str, str]
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
        self.batches: dict[str, list[dict[str, Any]]] = {}
        self.polls = 0  # looks at a batch before it has ended
        self.url = ""

    @property
    def prompts(self) -> list[str]:
        """The whole text of each question."""
        return [ask["system"][0]["text"] + ask["messages"][0]["content"] for ask in self.asked]

    def reply(self, body: dict[str, Any]) -> Reply:
        """What the script says to a question."""
        self.asked.append(body)
        return self.script(len(self.asked) - 1, body)

    def message(self, body: dict[str, Any], reply: Reply) -> dict[str, Any]:
        """An answer as the API gives it."""
        text, stop = reply if isinstance(reply, tuple) else (reply, self.stop)
        text = text if isinstance(text, str) else json.dumps(text)
        usage = {"input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 500}
        usage["cache_creation_input_tokens"] = 0
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"]}
        message |= {"content": [{"type": "text", "text": text}] if text else [], "usage": usage}
        return {**message, "stop_reason": stop, "stop_sequence": None}

    def batch(self, name: str) -> dict[str, Any]:
        """A batch as the API tells of it; one look sooner it was still under way."""
        self.polls -= 1
        ended = self.polls < 0
        counts = dict.fromkeys(("canceled", "errored", "expired", "processing", "succeeded"), 0)
        counts["succeeded" if ended else "processing"] = len(self.batches[name])
        times = {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"}
        empty = dict.fromkeys(("archived_at", "cancel_initiated_at", "ended_at"))
        address = f"{self.url}/v1/messages/batches/{name}/results" if ended else None
        status = "ended" if ended else "in_progress"
        told = {"id": name, "type": "message_batch", "processing_status": status, "request_counts": counts}
        return {**told, **times, **empty, "results_url": address}

    def results(self, name: str) -> list[dict[str, Any]]:
        """The results of a batch, the last one first: the API keeps no order."""
        found = []
        for entry in reversed(self.batches[name]):
            reply = self.reply(entry["params"])
            if isinstance(reply, int):
                error = {"type": "error", "error": {"type": "api_error", "message": f"status {reply}"}}
                result: dict[str, Any] = {"type": "errored", "error": error}
            elif isinstance(reply, float):
                result = {"type": "expired"}
            else:
                result = {"type": "succeeded", "message": self.message(entry["params"], reply)}
            found.append({"custom_id": entry["custom_id"], "result": result})
        return found


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Serve until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.headers.append({key.lower(): value for key, value in self.headers.items()})
            if self.path.startswith("/v1/messages/batches"):
                name = f"msgbatch_{len(server.batches)}"
                server.batches[name] = body["requests"]
                server.polls += 1  # it is told of now, and not looked at
                self.answer(200, server.batch(name))
                return
            reply = server.reply(body)
            if isinstance(reply, float):
                time.sleep(reply)
                return
            if isinstance(reply, int):
                self.answer(reply, {"type": "error", "error": {"type": "api_error", "message": f"status {reply}"}})
                return
            self.answer(200, server.message(body, reply))

        def do_GET(self) -> None:
            name = self.path.split("/")[4].partition("?")[0]
            if name not in server.batches:
                self.answer(404, {"type": "error", "error": {"type": "not_found_error", "message": name}})
            elif "/results" in self.path:
                lines = [json.dumps(result) for result in server.results(name)]
                self.send("\n".join(lines).encode(), 200)
            else:
                self.answer(200, server.batch(name))

        def answer(self, status: int, value: dict[str, Any]) -> None:
            self.send(json.dumps(value).encode(), status)

        def send(self, data: bytes, status: int) -> None:
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
