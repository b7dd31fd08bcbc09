"""Mixtures of experts in ONNX Runtime's own operator MoE, as parity cases with its outputs.

usage: python moe_models.py OUT [SEED]

Its kernel for processors knows the activations below, and swiglu in pairs of columns. Experts are too large for a coordinator to keep. ONNX Runtime 1.23
lets MoE overwrite its rows while it reads them where nothing needs them later, so the outputs are those of a model that yields the rows, too.
"""
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from case_files import Writer

ROWS, STEPS = 11, 5


class Mixture:
    """Embedding of rows, layers of experts with residuals and RMS norms written out, and a head."""

    def __init__(self, rng, width=24, inner=700, experts=7, steps=None):
        self.rng, self.width, self.inner, self.experts, self.steps = rng, width, inner, experts, steps
        self.nodes, self.weights = [], []

    def weight(self, *shape, scale=None):
        name = f"w{len(self.weights)}"
        values = self.rng.standard_normal(shape) * (scale or shape[-1] ** -0.5)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def constant(self, value, dtype=np.float32):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def node(self, op, *inputs, domain="", **attributes):
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [out], name=out, domain=domain, **attributes))
        return out

    def norm(self, x):
        mean = self.node("ReduceMean", self.node("Mul", x, x), axes=[-1])
        root = self.node("Sqrt", self.node("Add", mean, self.constant(1e-5)))
        return self.node("Mul", self.node("Div", x, root), self.weight(self.width, scale=1.0))

    def layer(self, x, activation, bias, fused, **attributes):
        h = self.norm(x)
        rows = h if self.steps is None else self.node("Reshape", h, self.constant([-1, self.width], np.int64))
        logits = self.node("MatMul", rows, self.weight(self.width, self.experts, scale=0.5))
        first, second = self.inner * (2 if fused else 1), self.inner
        inputs = [h, logits, self.weight(self.experts, first, self.width), self.weight(self.experts, first) if bias else "", self.weight(self.experts, self.width, second)]
        if bias:
            inputs.append(self.weight(self.experts, self.width))
        return self.node("Add", x, self.node("MoE", *inputs, domain="com.microsoft", activation_type=activation, **attributes))

    def model(self, y):
        middle = [] if self.steps is None else [STEPS]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *middle, self.width])
        out = helper.make_tensor_value_info(y, TensorProto.FLOAT, ["batch", *middle, self.width])
        graph = helper.make_graph(self.nodes, "mixture", [x], [out], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8)


def computed(path, output, inputs):
    """What ONNX Runtime computes when the rows of every layer have to stay."""
    model = onnx.load(path / "model.onnx")
    for n in model.graph.node:
        if n.op_type == "MoE":
            model.graph.output.append(helper.make_tensor_value_info(n.input[0], TensorProto.FLOAT, None))
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run([output], inputs)[0]


def main():
    out, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    rng, writer = np.random.default_rng(seed), Writer(out, "onnxruntime", ort.__version__, seed)
    swiglu = {"swiglu_fusion": 1, "activation_alpha": 1.702, "activation_beta": 1.0, "swiglu_limit": 1.5}
    for name, activation, bias, steps, external, attributes in (
            ("relu", "relu", True, None, False, {"k": 2}), ("gelu", "gelu", False, None, True, {"k": 2, "normalize_routing_weights": 1}),
            ("silu", "silu", True, STEPS, False, {"k": 3, "normalize_routing_weights": 1}), ("identity", "identity", True, None, False, {"k": 1}),
            ("swiglu", "swiglu", True, STEPS, True, {"k": 2, **swiglu})):
        mixture = Mixture(rng, steps=steps)
        x = "x"
        for _ in range(2):
            x = mixture.layer(x, activation, bias, activation == "swiglu", **attributes)
        model, case = mixture.model(x), f"moe-{name}"
        path = writer.directory(case)
        onnx.save(model, path / "model.onnx", **({"save_as_external_data": True, "location": "weights.bin", "size_threshold": 1024} if external else {}))
        inputs = {"x": rng.standard_normal((ROWS, *([STEPS] if steps else []), mixture.width)).astype(np.float32)}
        writer.finish(case, "network", "model.onnx", inputs, {x: computed(path, x, inputs)})


if __name__ == "__main__":
    main()
