#!/usr/bin/env bash
# Trains fresh models with the real libraries and writes them as parity cases.
#
# usage: tests/reference/run.sh OUTDIR [SEED]
#
# Needs Python 3.11 and the package index. Every library version gets a virtual environment of its own from the exact
# pins in requirements/, kept in $SHARDWISE_VENVS (by default below the user's cache) and made again when pins change.
# $PYTHON names the interpreter. Case names and layout: case_files.py.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: run.sh OUTDIR [SEED]}
seed=${2:-20261}
python=${PYTHON:-python3.11}
venvs=${SHARDWISE_VENVS:-${XDG_CACHE_HOME:-$HOME/.cache}/shardwise/venvs}
mkdir -p "$out" "$venvs"
out=$(cd "$out" && pwd)

if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
  echo "run.sh: Python 3.11 is wanted (the pinned libraries have wheels for it); set PYTHON to one" >&2
  exit 2
fi

# venv NAME: makes the environment from requirements/NAME.txt unless it is there with the same pins, prints its path.
venv() {
  local pins=$here/requirements/$1.txt dir=$venvs/$1
  if ! cmp -s "$pins" "$dir/installed.txt"; then
    rm -rf "$dir" && "$python" -m venv "$dir" >&2 &&
      "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --requirement "$pins" >&2 &&
      cp "$pins" "$dir/installed.txt" || return 1
  fi
  echo "$dir"
}

# generate NAME: runs the script of one environment. Its standard error is shown only when it fails.
generate() {
  local dir log script=${1%%-*}_models.py
  dir=$(venv "$1") || return 1
  log=$(mktemp)
  if ! PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore OMP_NUM_THREADS=1 \
      "$dir/bin/python" "$here/$script" "$out" "$seed" 2>"$log"; then
    cat "$log" >&2
    rm -f "$log"
    echo "run.sh: $1 failed" >&2
    return 1
  fi
  rm -f "$log"
}

# Two at a time: the libraries are slow to load and run on one thread each.
names=(xgboost-1.3.3 xgboost-1.5.2 xgboost-1.7.6 xgboost-2.0.3 xgboost-2.1.4 xgboost-3.0.5 xgboost-3.2.0 onnx)
half() { local i; for ((i = $1; i < ${#names[@]}; i += 2)); do generate "${names[i]}" || return 1; done; }
half 0 &
first=$!
half 1 &
second=$!
status=0
wait "$first" || status=1
wait "$second" || status=1
exit "$status"
