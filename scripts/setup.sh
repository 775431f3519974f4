# Sourced by scripts/intern and scripts/test: makes .venv and installs the pinned packages, once per change of pins.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-python3}
unset PYTHONDONTWRITEBYTECODE # bytecode is written as a module is first imported: a third of what pip takes to write all

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Python 3.11 or newer is needed; $python is $("$python" --version 2>&1). Name another: PYTHON=python3.12 $0" >&2
  exit 2
}

extras=test # of pyproject.toml; reasoning-gym's pycosat has no wheel: it is compiled, where there is what that takes
if command -v cc > /dev/null && "$python" -c 'import os, sys, sysconfig as s
sys.exit(not os.path.exists(os.path.join(s.get_path("include"), "Python.h")))'; then extras=test,gym; fi

setup() { # setup WHAT: WHAT is an argument of pip install, such as '.[test]'
  local wanted stamp=.venv/.installed
  wanted="$1 $(cat pyproject.toml scripts/constraints.txt | sha256sum)"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return; fi
  echo "Setting up .venv with $("$python" --version) and the pins of scripts/constraints.txt (about 2 minutes, once) ..."
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install --disable-pip-version-check --no-compile --constraint scripts/constraints.txt --editable "$1" 2>&1 |
    sed -u -n -E '/^(Collecting|Installing|Successfully|ERROR|error|  ERROR)/{s/(.{100}).*/\1/;p}'
  echo "$wanted" > "$stamp"
  echo "Set up."
}
