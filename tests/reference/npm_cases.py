"""Make parity cases of the ONNX files of an npm package, with random inputs, for torch_cases.py to finish.

usage: python npm_cases.py PACKAGE_DIR OUT [SEED]

Nothing of the package is part of the repository; run.sh fetches it.
"""
import json
import pathlib
import shutil
import sys

import numpy as np
import onnxruntime as ort


def main():
    package, out, seed = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 20261
    rng = np.random.default_rng(seed)
    files = sorted(package.rglob("*.onnx"))
    if not files:
        raise FileNotFoundError(f"{package} holds no ONNX file")
    for file in files:
        path = out / f"network-npm-{file.stem.replace('_', '-')}"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        shutil.copy(file, path / "model.onnx")
        arrays = {}
        for i, v in enumerate(ort.InferenceSession(str(file), providers=["CPUExecutionProvider"]).get_inputs()):
            if v.type != "tensor(float)":
                raise ValueError(f"{file.name}: input {v.name} is a {v.type}")
            arrays[v.name] = f"input-{i}.npy"
            np.save(path / arrays[v.name], rng.standard_normal([d if isinstance(d, int) else 3 for d in v.shape]).astype(np.float32))
        (path / "inputs.json").write_text(json.dumps({"inputs": arrays}))


if __name__ == "__main__":
    main()
