#!/usr/bin/env bash
# Trains fresh models with the real libraries and writes them as parity cases.
#
# usage: tests/reference/run.sh OUTDIR [SEED]
#
# Needs Python 3.11 and 3.12 (the pinned libraries have wheels for one or the other) and the package index. Every library
# version gets a virtual environment of its own from the exact pins in requirements/, kept in $SHARDWISE_VENVS (by
# default below the user's cache) and made again when pins change. $SHARDWISE_PYTHON311 and $SHARDWISE_PYTHON312 name the
# interpreters where they are not found by themselves. Case names and layout: case_files.py.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: run.sh OUTDIR [SEED]}
seed=${2:-20261}
venvs=${SHARDWISE_VENVS:-${XDG_CACHE_HOME:-$HOME/.cache}/shardwise/venvs}
mkdir -p "$out" "$venvs"
out=$(cd "$out" && pwd)

# interpreter 3.N: prints a Python of that version: the one the caller names, the one on the path, or pyenv's.
interpreter() {
  local named=SHARDWISE_PYTHON${1/./} candidate
  for candidate in "${!named:-}" "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    if [[ -n $candidate ]] && "$candidate" -c "import sys, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "run.sh: Python $1 was not found; install it, or set $named to one" >&2
  return 1
}

# venv NAME: makes the environment from requirements/NAME.txt unless it is there with the same pins, prints its path.
venv() {
  local pins=$here/requirements/$1.txt dir=$venvs/$1 wanted python
  if ! cmp -s "$pins" "$dir/installed.txt"; then
    wanted=$(sed -n 's/^# python //p' "$pins") && python=$(interpreter "$wanted") &&
      rm -rf "$dir" && "$python" -m venv "$dir" >&2 &&
      "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --requirement "$pins" >&2 &&
      cp "$pins" "$dir/installed.txt" || return 1
  fi
  echo "$dir"
}

# generate NAME: runs the script of one environment. Its standard error is shown only when it fails.
generate() {
  local dir log script=${1%%-*}_models.py
  dir=$(venv "$1") || { echo "run.sh: the environment of $1 could not be made" >&2; return 1; }
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
names=()
for pins in "$here"/requirements/*.txt; do names+=("$(basename "$pins" .txt)"); done
half() { local i; for ((i = $1; i < ${#names[@]}; i += 2)); do generate "${names[i]}" || return 1; done; }
half 0 &
first=$!
half 1 &
second=$!
status=0
wait "$first" || status=1
wait "$second" || status=1
[[ $status == 0 ]] || exit "$status"

# quietly COMMAND...: its output is shown only when it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    echo "run.sh: failed: $*" >&2
    return 1
  fi
  rm -f "$log"
}

# Networks: Debian's PyTorch exports them, ONNX Runtime says what they compute. SHARDWISE_LONG=1 adds torchvision's.
python=${SHARDWISE_TORCH_PYTHON:-/usr/bin/python3}
"$python" -c 'import torch, onnx' 2>/dev/null || { echo "run.sh: $python has no torch or onnx; apt-get install python3-torch python3-onnx, or name one that has in SHARDWISE_TORCH_PYTHON" >&2; exit 1; }
quietly "$python" "$here/torch_export.py" "$out" "$seed"
quietly "$python" "$here/torch_more.py" "$out" "$seed"
quietly "$python" "$here/torch_experts.py" "$out" "$seed"
[[ ${SHARDWISE_LONG:-} != 1 ]] || quietly "$python" "$here/torchvision_export.py" "$out" "$seed"

# ONNX Runtime's own mixtures of experts.
quietly "$venvs/onnx/bin/python" "$here/moe_models.py" "$out" "$seed"

# Ensembles of models, as scikit-learn makes them.
quietly "$venvs/sklearn/bin/python" "$here/ensemble_models.py" "$out" "$seed"

# A published model of the npm registry whose licence allows it.
package=$(mktemp -d)
trap 'rm -rf "$package"' EXIT
(cd "$package" && npm pack --silent openwakeword-js@0.1.27 >/dev/null && tar -xzf openwakeword-js-*.tgz)
quietly "$venvs/sklearn/bin/python" "$here/npm_cases.py" "$package" "$out" "$seed"
quietly "$venvs/sklearn/bin/python" "$here/torch_cases.py" "$out" "$seed"
rm -f "$out"/*/inputs.json
