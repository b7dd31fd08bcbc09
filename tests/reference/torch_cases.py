"""Add ONNX Runtime's outputs to the networks that torch_export.py wrote, and make parity cases of them.

usage: python torch_cases.py OUT [SEED]
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime as ort


def main():
    out, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    for path in sorted(out.glob("torch-*")):
        given = json.loads((path / "inputs.json").read_text())
        inputs = {name: np.load(path / file) for name, file in given["inputs"].items()}
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(str(path / "model.onnx"), options, providers=["CPUExecutionProvider"])
        wanted = {i.name for i in session.get_inputs()}
        names = [o.name for o in session.get_outputs()]
        case = {"name": path.name, "kind": "network", "library": "onnxruntime", "version": ort.__version__, "seed": seed, "model": "model.onnx",
                "inputs": {name: file for name, file in given["inputs"].items() if name in wanted}, "outputs": {}}
        for i, value in enumerate(session.run(names, {name: v for name, v in inputs.items() if name in wanted})):
            case["outputs"][names[i]] = f"output-{i}.npy"
            np.save(path / f"output-{i}.npy", np.ascontiguousarray(value))
        (path / "case.json").write_text(json.dumps(case, indent=1) + "\n")


if __name__ == "__main__":
    main()
