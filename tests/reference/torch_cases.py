"""Add ONNX Runtime's outputs to the networks that torch_export.py and the scripts like it wrote, and make parity cases of them.

usage: python torch_cases.py OUT [SEED]

Some networks become further cases, quantised by ONNX Runtime's own tools: dynamically, and statically with
QuantizeLinear and DequantizeLinear around every operator, or with integer operators.
"""
import json
import pathlib
import shutil
import sys

import numpy as np
import onnxruntime as ort
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process


QUANTISED = ("dynamic", "qdq", "channels", "integer")


class Calibration(quantization.CalibrationDataReader):
    """Random inputs of the form of the case's own, to find the ranges of activations with."""

    def __init__(self, inputs, rng):
        self.rows = iter([{name: rng.standard_normal(v.shape).astype(v.dtype) for name, v in inputs.items()} for _ in range(8)])

    def get_next(self):
        return next(self.rows, None)


def quantise(path, kind, seed):
    """Writes the case KIND of the network beside it."""
    to = path.parent / f"{path.name}-{kind}"
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    given = json.loads((path / "inputs.json").read_text())
    inputs = {name: np.load(path / file) for name, file in given["inputs"].items()}
    for file in [*given["inputs"].values(), "inputs.json"]:
        shutil.copy(path / file, to / file)
    source, target = to / "prepared.onnx", to / "model.onnx"
    quant_pre_process(str(path / "model.onnx"), str(source), skip_symbolic_shape=True)
    if kind == "dynamic":
        quantization.quantize_dynamic(source, target, weight_type=quantization.QuantType.QUInt8)
    else:
        # Without VNNI, ONNX Runtime's products of U8 and I8 saturate in between: seven bits of weights cannot.
        formats = {"qdq": quantization.QuantFormat.QDQ, "integer": quantization.QuantFormat.QOperator, "channels": quantization.QuantFormat.QDQ}
        quantization.quantize_static(source, target, Calibration(inputs, np.random.default_rng(seed)), quant_format=formats[kind], per_channel=kind == "channels", reduce_range=kind == "integer",
                                     activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8, op_types_to_quantize=["Conv", "MatMul"] if kind == "integer" else None)
    source.unlink()


def main():
    out, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    for name, kind in (("mlp", "dynamic"), ("mlp", "qdq"), ("mlp", "channels"), ("resnet", "qdq"), ("resnet", "channels"), ("resnet", "integer"), ("encoder", "dynamic")):
        quantise(out / f"torch-{name}", kind, seed)
    for path in sorted(p.parent for p in out.glob("*/inputs.json")):
        given = json.loads((path / "inputs.json").read_text())
        inputs = {name: np.load(path / file) for name, file in given["inputs"].items()}
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        if path.name.endswith(QUANTISED):  # what the file says, without the fused integer operators, which round otherwise
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
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
