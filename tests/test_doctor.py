"""The doctor: what it sees is there, a broken set-up does not stop it, and no key is ever shown."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from intern.cli import doctor
from intern.config import schema

SECRET = "hf_ThisIsNoRealKey"


class Hub(BaseHTTPRequestHandler):
    """A Hub that knows nobody, or is ill."""

    status = 401

    def do_HEAD(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    """Its address."""
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def examined(*flags: str, **env: str) -> tuple[int, dict[str, dict[str, object]], str]:
    """(exit status, findings by name, all that was printed) in a process of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "ANTHROPIC_"))}
    words = [sys.executable, *flags, "-m", "intern", "doctor", "--json"]
    ended = subprocess.run(words, cwd=schema.ROOT, env={**kept, **env}, capture_output=True, text=True)
    return ended.returncode, {row["what"]: row for row in json.loads(ended.stdout)}, ended.stdout + ended.stderr


def test_a_sound_machine(hub: str, tmp_path: Path) -> None:
    """The Hub answers, keys are found and not shown, the embedded default runs."""
    (tmp_path / "token").write_text(SECRET)
    env = {"HF_ENDPOINT": hub.replace("//", f"//user:{SECRET}@"), "HF_HOME": str(tmp_path), "ANTHROPIC_API_KEY": SECRET}
    status, found, printed = examined(**env)
    assert status == 0 and SECRET not in printed
    for what in ("python", "packages", "network", "HF_TOKEN", "ANTHROPIC_API_KEY"):
        assert found[what]["mark"] == "ok", found[what]
    assert found["pins"]["mark"] in ("ok", "warn")


def test_lacks_have_a_cost(tmp_path: Path) -> None:
    """No key, no Hub, no GPU, no cluster: each says what it costs, and none stops the embedded default."""
    (tmp_path / "python").symlink_to(sys.executable)
    status, found, _ = examined(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path), PATH=str(tmp_path))
    assert status == 0
    assert "install bubblewrap" in str(found["sandbox"]["cost"])
    for what in ("network", "HF_TOKEN", "ANTHROPIC_API_KEY", "GPU", "Slurm", "sandbox"):
        assert found[what]["mark"] == "lack" and found[what]["cost"] and not found[what]["stops"]
    assert "HF_HUB_OFFLINE" in str(found["network"]["seen"]) and "qwen3" in str(found["GPU"]["cost"])


def test_a_broken_set_up() -> None:
    """An interpreter without one package still gets its diagnosis, and status 2."""
    status, found, _ = examined("-S", HF_HUB_OFFLINE="1")
    assert status == 2 and found["packages"]["stops"] and found["packages"]["mark"] == "lack"


def test_broken_packages(tmp_path: Path) -> None:
    """Packages that cannot be imported stop no check but their own: the doctor imports none of them."""
    for name in ("typer", "pydantic", "yaml", "hydra", "omegaconf", "rich", "packaging", "torch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('{name} is broken')\n")
    status, found, printed = examined(HF_HUB_OFFLINE="1", PYTHONPATH=str(tmp_path))
    assert status == 2 and "Traceback" not in printed
    assert found["packages"]["mark"] == "lack" and "packaging is broken" in str(found["packages"]["seen"])
    assert found["disk"]["mark"] in ("ok", "warn") and found["python"]["mark"] == "ok"


def test_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each check, and whether the embedded default runs here; without rich as with it."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    assert doctor.run(as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["what", "seen", "cost", "and", "fix"]
    assert lines[-1] == "goal=arithmetic model=tiny runs here."
    assert any(line.startswith("lack  network") for line in lines)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)  # as if it were not installed
    doctor.run(as_json=False)
    assert capsys.readouterr().out.splitlines()[0] == lines[0]


def test_network(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ill Hub, a port where none is, and an address that is none."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(Hub, "status", 503)
    for url, part in ((hub, "status 503"), ("http://127.0.0.1:9", "refused"), ("no url", "unknown url type")):
        monkeypatch.setenv("HF_ENDPOINT", url)
        found = doctor.network(doctor.request(doctor.endpoint()))
        assert found.mark == "lack" and part in found.seen


def test_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nvidia-smi says, and a torch that cannot use it."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 'NVIDIA H100, 81559 MiB'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(doctor, "cuda", lambda: None)
    assert doctor.gpu().mark == "warn" and "NVIDIA H100" in doctor.gpu().seen and "whl/cu" in doctor.gpu().cost
    monkeypatch.setattr(doctor, "cuda", lambda: "12.8")
    assert doctor.gpu().mark == "ok"
    smi.write_text("#!/bin/sh\nexit 9\n")
    assert doctor.gpu().mark == "lack"


def test_pins_and_disk(tmp_path: Path) -> None:
    """A version that is not the pinned one; a file where the folder should be."""
    assert doctor.pins({"rich": "0.1", "no-such-package": "1"}).mark == "warn"
    assert "(pin 0.1)" in doctor.pins({"rich": "0.1"}).seen
    assert doctor.disk(tmp_path / "outputs").mark in ("ok", "warn")
    (tmp_path / "file").write_text("")
    assert doctor.disk(tmp_path / "file" / "deeper").stops
