#!/usr/bin/env bash
# Makes the backend test cases of the pinned onnx package, unless they are there already.
#
# usage: tests/backend/prepare.sh
#
# Needs Python 3.11 and the package index. The environment stands in $SHARDWISE_VENVS, the cases in
# $SHARDWISE_CACHE/onnx-backend; both are by default below the user's cache, where the tests look for them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SHARDWISE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shardwise}
venv=${SHARDWISE_VENVS:-$cache/venvs}/onnx-backend
out=$cache/onnx-backend
pins=$here/requirements.txt

if cmp -s <(cat "$pins" "$here/generate.py") "$out/made-from.txt"; then
  exit 0
fi
if ! cmp -s "$pins" "$venv/installed.txt"; then
  rm -rf "$venv"
  "${SHARDWISE_PYTHON311:-python3}" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --requirement "$pins"
  cp "$pins" "$venv/installed.txt"
fi
rm -rf "$out"
mkdir -p "$out"
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$here/generate.py" "$out"
cat "$pins" "$here/generate.py" >"$out/made-from.txt"
