"""Writes models that are served as one piece or by rows, with inputs and what ONNX Runtime computes for them.

Run in a scratch environment with onnx, onnxruntime and numpy: python generate.py
"""
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
F, I = TensorProto.FLOAT, TensorProto.INT64
rng = np.random.default_rng(7)


def weight(name, *shape):
    return numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name)


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def write(name, nodes, inputs, outputs, weights, feed):
    value = lambda n, t, s: helper.make_tensor_value_info(n, t, s)
    graph = helper.make_graph(nodes, name, [value(*i) for i in inputs], [value(*o) for o in outputs], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="generate.py")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, HERE / f"{name}.onnx")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result = session.run(None, feed)
    np.savez(HERE / f"{name}.in.npz", **feed)
    np.savez(HERE / f"{name}.out.npz", **{o[0]: r for o, r in zip(outputs, result)})


def node(op, inputs, output, **attrs):
    return helper.make_node(op, inputs.split(), [output], name=output, **attrs)


def lstm():
    """An LSTM cell unrolled over five steps, for one sequence: every dimension is fixed."""
    nodes, weights, steps = [], [ints("axis", 1)], 5
    for gate in "ifog":
        weights += [weight(f"W{gate}", 3, 4), weight(f"R{gate}", 4, 4), weight(f"b{gate}", 4)]
    h, c = "h0", "c0"
    for t in range(steps):
        weights.append(ints(f"t{t}", t))
        nodes += [node("Gather", f"x t{t}", f"x{t}_", axis=1), node("Squeeze", f"x{t}_ axis", f"x{t}")]
        for gate in "ifog":
            nodes += [node("MatMul", f"x{t} W{gate}", f"{gate}{t}w"), node("MatMul", f"{h} R{gate}", f"{gate}{t}r"),
                      node("Add", f"{gate}{t}w {gate}{t}r", f"{gate}{t}s"), node("Add", f"{gate}{t}s b{gate}", f"{gate}{t}p"),
                      node("Tanh" if gate == "g" else "Sigmoid", f"{gate}{t}p", f"{gate}{t}")]
        nodes += [node("Mul", f"f{t} {c}", f"keep{t}"), node("Mul", f"i{t} g{t}", f"new{t}"), node("Add", f"keep{t} new{t}", f"cell{t}"),
                  node("Tanh", f"cell{t}", f"squash{t}"), node("Mul", f"o{t} squash{t}", f"hidden{t}"), node("Unsqueeze", f"hidden{t} axis", f"step{t}")]
        h, c = f"hidden{t}", f"cell{t}"
    nodes += [node("Concat", " ".join(f"step{t}" for t in range(steps)), "sequence", axis=1), node("Identity", c, "memory")]
    feed = {"x": rng.normal(size=(1, steps, 3)), "h0": rng.normal(size=(1, 4)), "c0": rng.normal(size=(1, 4))}
    write("lstm", nodes, [("x", F, [1, steps, 3]), ("h0", F, [1, 4]), ("c0", F, [1, 4])],
          [("sequence", F, [1, steps, 4]), ("memory", F, [1, 4])], weights, {k: v.astype(np.float32) for k, v in feed.items()})


def tokens():
    """Token ids of any length: rows are independent, and an output keeps the length."""
    nodes = [node("Gather", "table ids", "rows", axis=0), node("Tanh", "rows", "hidden"), node("ReduceMean", "hidden", "mean", axes=[1], keepdims=0),
             node("MatMul", "mean W", "scores")]
    write("tokens", nodes, [("ids", I, ["sentences", "words"])], [("scores", F, ["sentences", 3]), ("hidden", F, ["sentences", "words", 6])],
          [weight("table", 20, 6), weight("W", 6, 3)], {"ids": rng.integers(0, 20, (7, 4))})


def pairs():
    """Two inputs with first dimensions of their own."""
    nodes = [node("Transpose", "b", "columns", perm=[1, 0]), node("MatMul", "a columns", "products")]
    write("pairs", nodes, [("a", F, ["n", 3]), ("b", F, ["m", 3])], [("products", F, ["n", "m"])], [],
          {"a": rng.normal(size=(4, 3)).astype(np.float32), "b": rng.normal(size=(2, 3)).astype(np.float32)})


def total():
    """A scalar over all rows."""
    nodes = [node("ReduceMean", "x", "mean", keepdims=0), node("MatMul", "x W", "y"), node("Add", "y mean", "shifted")]
    write("total", nodes, [("x", F, ["batch", 4])], [("mean", F, []), ("shifted", F, ["batch", 2])], [weight("W", 4, 2)],
          {"x": rng.normal(size=(3, 4)).astype(np.float32)})


def vector():
    """A vector and a scalar, without rows."""
    nodes = [node("Mul", "v factor", "scaled"), node("ArgMax", "scaled", "best", axis=0, keepdims=0)]
    write("vector", nodes, [("v", F, [6]), ("factor", F, [])], [("scaled", F, [6]), ("best", I, [])], [],
          {"v": rng.normal(size=6).astype(np.float32), "factor": np.array(-2, np.float32)})


def folded():
    """A product with a transposed matrix of more than a few KB, and a mask that is made from the input's own shape."""
    ones = helper.make_tensor("one", F, [1], [1.0])
    nodes = [node("Transpose", "W", "turned", perm=[1, 0]), node("MatMul", "x turned", "y"), node("Shape", "y", "shape"),
             node("ConstantOfShape", "shape", "mask", value=ones), node("Add", "y mask", "shifted")]
    write("folded", nodes, [("x", F, ["batch", "words", 80])], [("shifted", F, ["batch", "words", 40])], [weight("W", 40, 80)],
          {"x": rng.normal(size=(3, 2, 80)).astype(np.float32)})


for case in (lstm, tokens, pairs, total, vector, folded):
    case()
