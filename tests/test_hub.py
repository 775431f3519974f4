"""What a study needs of the Hub, asked of a server that speaks its protocol, and of an empty cache without one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from conftest import HERE, scope

from intern.config.library import Library
from intern.study import hub

HAS = ("models/owner/model", "datasets/owner/rows", "models/owner/gated")
RECIPE = "stages: [data, sft]\ndata: {mix: [{hub: %s, columns: {question: q, answer: a}}]}\nsft: {max_steps: 1}\n"


class Hub(BaseHTTPRequestHandler):
    """Two repositories, and one whose terms were not accepted."""

    def do_GET(self) -> None:
        """Answer the questions about a repository."""
        name = self.path.split("?")[0].removeprefix("/api/")
        if name.endswith("/auth-check"):
            self.answer(403, "GatedRepo", {"error": "Access to it is restricted"})
        elif "/revision/" in name:
            self.answer(404, "RevisionNotFound", {"error": "Invalid rev id"})
        elif name in HAS:
            self.answer(200, None, {"id": name.partition("/")[2], "gated": "manual" if "gated" in name else False})
        else:
            self.answer(404, "RepoNotFound", {"error": "Repository not found"})

    def answer(self, status: int, code: str | None, body: dict[str, Any]) -> None:
        """Send JSON."""
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    """The address of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def asked(home: Path, *questions: tuple[str, str, str | None], **environment: str) -> list[str | None]:
    """What is missing, as a process of its own with an empty cache sees it."""
    code = f"import json; from intern.study.hub import missing; print(json.dumps([missing(*q) for q in {questions!r}]))"
    bare = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    env = {**bare, "PYTHONPATH": str(HERE), "HF_HOME": str(home), **environment}
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    answers: list[str | None] = json.loads(ended.stdout)
    return answers


def test_what_the_hub_says(endpoint: str, tmp_path: Path) -> None:
    """There, not there, gated, no such revision, no such name: each with what to do."""
    there, rows, absent, gated, revision, name = asked(
        tmp_path,
        ("model", "owner/model", None),
        ("dataset", "owner/rows", None),
        ("model", "owner/nothing", None),
        ("model", "owner/gated", None),
        ("model", "owner/model", "abc"),
        ("model", "no name at all", None),
        HF_ENDPOINT=endpoint,
    )
    assert there is None and rows is None
    assert absent and "model owner/nothing is not on the Hub, or private" in absent and "hf auth login" in absent
    assert gated and "owner/gated is gated" in gated and "accept its terms" in gated
    assert revision and revision.startswith("model owner/model has no revision abc: it is gone")
    assert name and "'no name at all' is neither a folder here nor owner/name" in name


def test_without_a_hub(tmp_path: Path) -> None:
    """What this machine's cache has is enough; else the reason is named."""
    cached = tmp_path / "hub" / "models--owner--model" / "snapshots" / "abc"
    cached.mkdir(parents=True)
    questions = [("model", "owner/model", None), ("dataset", "owner/rows", None)]
    there, rows = asked(tmp_path, *questions, HF_HUB_OFFLINE="1")
    assert there is None and rows and "HF_HUB_OFFLINE is set: unset it" in rows
    there, rows = asked(tmp_path, *questions, HF_ENDPOINT="http://127.0.0.1:9")
    assert there is None and rows and "data set owner/rows is not in this machine's cache" in rows
    assert "the Hub does not answer" in rows


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    """Model and the data sets of every task, in a few seconds and before there is a study."""
    command = [sys.executable, "-m", "intern", "goal=sci_reasoning", "model=qwen3-1.7b"]
    env = {**os.environ, "PYTHONPATH": str(HERE), "HF_HOME": str(tmp_path / "home")}
    began = time.monotonic()
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert ended.returncode == 2 and time.monotonic() - began < 30  # 1.4 s, on an idle machine
    for name in ("Qwen/Qwen3-1.7B-Base", "allenai/ai2_arc", "allenai/sciq", "Idavidrein/gpqa", "model=PATH"):
        assert name in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr and not (tmp_path / "outputs").exists()


def test_a_recipe_without_its_data(tmp_path: Path, library: Library) -> None:
    """Alone it stops the study before it begins; beside one that can run it does not. A mirror's copy will do."""
    (tmp_path / "absent.yaml").write_text(RECIPE % "nobody/nothing")
    alone = scope(library, "goal=arithmetic", f"recipe={tmp_path / 'absent.yaml'}")
    both = scope(library, "goal=arithmetic", f"recipe={tmp_path / 'absent.yaml'}")
    both.recipes["generated/sft"] = library.load("generated/sft")  # type: ignore[index]
    with pytest.raises(Exception, match=r"data set nobody/nothing .*compute.mirror=FOLDER"):
        hub.check(alone)
    hub.check(both)
    alone.config.compute.mirror = str(tmp_path / "mirror")
    with pytest.raises(Exception, match=r"nobody/nothing is not in compute.mirror=.*: put a copy at"):
        hub.check(alone)
    (tmp_path / "mirror" / "nobody" / "nothing").mkdir(parents=True)
    hub.check(alone)
