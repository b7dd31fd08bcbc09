"""Models that use the whole of the ONNX container, and what ONNX Runtime 1.32.0 computes for them; written with onnx 1.23.2.

Usage: container.py DIRECTORY. The form of the files is generate.py's."""
import base64, json, random, sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh, TensorProto as T

OUT = sys.argv[1]
rng = np.random.default_rng(11)
N, ops = h.make_node, h.make_opsetid
TYPES = {"float32": "F32", "int64": "I64"}


def encode(a):
    return {"dtype": TYPES[str(a.dtype)], "shape": list(a.shape), "data": base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()}


def matrix(*shape):
    return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)


def model(nodes, inits, functions=(), sparse=(), opsets=(("", 17),), columns=12, ir=8):
    g = h.make_graph(nodes, "g", [h.make_tensor_value_info("x", T.FLOAT, ["N", columns])], [h.make_tensor_value_info("y", T.FLOAT, None)],
                     [nh.from_array(v, k) for k, v in inits.items()], sparse_initializer=list(sparse))
    return h.make_model(g, opset_imports=[ops(*o) for o in opsets], functions=list(functions), ir_version=ir)


def save(name, m, external=None, reference=None):
    """reference is an equivalent model for what ONNX Runtime itself does not read."""
    path = f"{OUT}/{name}.onnx"
    if external:
        onnx.save(m, path, save_as_external_data=True, location=external, size_threshold=64)
    else:
        onnx.save(m, path)
    x = rng.standard_normal((5, m.graph.input[0].type.tensor_type.shape.dim[1].dim_value)).astype(np.float32)
    s = ort.InferenceSession(reference.SerializeToString() if reference else path, providers=["CPUExecutionProvider"])
    outputs = {o.name: encode(v) for o, v in zip(s.get_outputs(), s.run(None, {"x": x}))}
    json.dump({"inputs": {"x": encode(x)}, "outputs": outputs}, open(f"{OUT}/{name}.json", "w"))
    print(name)


def ref(node, attribute, to, kind):
    a = node.attribute.add()
    a.name, a.ref_attr_name, a.type = attribute, to, kind
    return node


A = onnx.AttributeProto
# Functions: an attribute with and without a default, a constant of its own, names that the caller uses too, a call inside a
# function, an output that one call leaves out, an input that is handed on, and an older operator set.
leaky = ref(N("LeakyRelu", ["h"], ["z"]), "alpha", "slope", A.FLOAT)
layer = h.make_function("local", "Layer", ["x", "w", "b"], ["z"],
                        [N("MatMul", ["x", "w"], ["m"]), N("Add", ["m", "b"], ["h"]), leaky], [ops("", 17)], [], [h.make_attribute("slope", 0.3)])
scaled = ref(N("Constant", [], ["c"]), "value_float", "factor", A.FLOAT)
block = h.make_function("local", "Block", ["x", "w", "b"], ["y", "same"],
                        [scaled, ref(N("Layer", ["x", "w", "b"], ["m"], domain="local"), "slope", "slope", A.FLOAT), N("Mul", ["m", "c"], ["y"]), N("Identity", ["x"], ["same"])],
                        [ops("", 17), ops("local", 1)], ["factor"], [h.make_attribute("slope", 0.01)])
nodes = [N("Block", ["x", "w1", "b1"], ["m"], domain="local", name="first", factor=1.5, slope=0.2),
         N("Block", ["m", "w2", "b2"], ["h", "same"], domain="local", factor=0.5),
         N("Add", ["h", "h"], ["t"]), N("MatMul", ["same", "w3"], ["u"]), N("Layer", ["t", "w3", "b3"], ["v"], domain="local"), N("Add", ["u", "v"], ["y"])]
weights = {"w1": matrix(12, 9), "b1": matrix(9), "w2": matrix(9, 9), "b2": matrix(9), "w3": matrix(9, 4), "b3": matrix(4)}
C = lambda name, value: N("Constant", [], [name], value_float=value)
plain = [N("MatMul", ["x", "w1"], ["p1"]), N("Add", ["p1", "b1"], ["q1"]), N("LeakyRelu", ["q1"], ["r1"], alpha=0.2), C("c1", 1.5), N("Mul", ["r1", "c1"], ["m"]),
         N("MatMul", ["m", "w2"], ["p2"]), N("Add", ["p2", "b2"], ["q2"]), N("LeakyRelu", ["q2"], ["r2"], alpha=0.01), C("c2", 0.5), N("Mul", ["r2", "c2"], ["h"]),
         N("Add", ["h", "h"], ["t"]), N("MatMul", ["m", "w3"], ["u"]), N("MatMul", ["t", "w3"], ["p3"]), N("Add", ["p3", "b3"], ["q3"]),
         N("LeakyRelu", ["q3"], ["v"], alpha=0.3), N("Add", ["u", "v"], ["y"])]
save("functions", model(nodes, weights, [block, layer], opsets=(("", 17), ("local", 1))), reference=model(plain, weights))

old = h.make_function("local", "Old", ["a"], ["b"], [N("Tanh", ["a"], ["t"]), N("Add", ["t", "t"], ["b"])], [ops("", 14)])
inits = {"w1": matrix(12, 9), "w2": matrix(9, 4)}
plain = [N("MatMul", ["x", "w1"], ["h"]), N("Tanh", ["h"], ["t"]), N("Add", ["t", "t"], ["z"]), N("MatMul", ["z", "w2"], ["y"])]
save("functions-older", model([plain[0], N("Old", ["h"], ["z"], domain="local"), plain[3]], inits, [old], opsets=(("", 17), ("local", 1))),
     reference=model(plain, inits))


def sparse(name, dense, coordinates):
    at = np.argwhere(dense).astype(np.int64)
    values = dense[tuple(at.T)]
    if not coordinates:
        at = np.ravel_multi_index(tuple(at.T), dense.shape).astype(np.int64)
    return h.make_sparse_tensor(nh.from_array(values, name), nh.from_array(at, name + "_at"), list(dense.shape))


def holes(*shape):
    return (matrix(*shape) * (rng.random(shape) < 0.3)).astype(np.float32)


# Sparse initializers of both forms, large and small, and a sparse Constant.
w1, w2, b = holes(12, 150), holes(150, 16), holes(16)
nodes = [N("MatMul", ["x", "w1"], ["h"]), N("Relu", ["h"], ["z"]), N("MatMul", ["z", "w2"], ["m"]), N("Add", ["m", "b"], ["y"])]
constant = N("Constant", [], ["b"], sparse_value=sparse("", b, False))
save("sparse", model([constant] + nodes, {}, sparse=[sparse("w1", w1, True), sparse("w2", w2, False)], ir=11),
     reference=model(nodes, {"w1": w1, "w2": w2, "b": b}))

# Constants in every form, nodes in any order, and a weight whose name is JSON.
odd = '{"1": "1_minute_timer", "/": 2}'
nodes = [N("MatMul", ["x", odd], ["h"]), N("Constant", [], ["s"], value_float=0.75), N("Mul", ["h", "s"], ["a"]),
         N("Constant", [], ["v"], value_floats=[0.5] * 8 + [-1.0]), N("Add", ["a", "v"], ["z"]), N("Constant", [], ["i"], value_int=1),
         N("Constant", [], ["shape"], value_ints=[-1, 9]), N("Reshape", ["z", "shape"], ["q"]), N("Cast", ["i"], ["one"], to=T.FLOAT),
         N("Add", ["q", "one"], ["r"]), N("MatMul", ["r", "w2"], ["y"])]
inits = {odd: matrix(12, 9), "w2": matrix(9, 4)}
shuffled = list(nodes)
random.Random(5).shuffle(shuffled)
save("constants-unordered", model(shuffled, inits), reference=model(nodes, inits))

# One range of external data under two names, a matrix that Identity gives two more names, and IR version 3, where
# initializers are inputs, too.
w = matrix(12, 12)
nodes = [N("Identity", ["w"], ["i"]), N("Identity", ["i"], ["j"]), N("Gemm", ["x", "w"], ["a"]), N("Relu", ["a"], ["b"]), N("Gemm", ["b", "twin"], ["c"]),
         N("Relu", ["c"], ["d"]), N("Gemm", ["d", "j"], ["y"])]
m = model(nodes, {"w": w, "twin": w}, opsets=(("", 17),))
path = "shared.data"
for t in m.graph.initializer:
    t.ClearField("raw_data")
    t.data_location = T.EXTERNAL
    e = t.external_data.add()
    e.key, e.value = "location", path
open(f"{OUT}/{path}", "wb").write(w.tobytes())
save("shared", m)
m = model([N("MatMul", ["x", "w1"], ["h"]), N("Relu", ["h"], ["z"]), N("MatMul", ["z", "w2"], ["y"])], {"w1": matrix(12, 9), "w2": matrix(9, 4)}, opsets=(("", 8),), ir=3)
for t in m.graph.initializer:
    m.graph.input.append(h.make_tensor_value_info(t.name, T.FLOAT, list(t.dims)))
save("ir3", m)

# Branches with weights of their own, large and small, that read a value and a weight from outside, and hide each other's names.
def branch(name, op, size):
    w, c = matrix(40, 40), np.float32([size])
    return h.make_graph([N("Constant", [], ["c"], value=nh.from_array(c, "c")), N("MatMul", ["h", "w"], ["m"]), N("Add", ["m", "shared"], ["a"]),
                         N(op, ["a"], ["r"]), N("Mul", ["r", "c"], [name])], name, [], [h.make_tensor_value_info(name, T.FLOAT, None)], [nh.from_array(w, "w")])


nodes = [N("MatMul", ["x", "w1"], ["h"]), N("ReduceMean", ["h"], ["mean"], keepdims=0), N("Greater", ["mean", "zero"], ["positive"]),
         N("If", ["positive"], ["z"], then_branch=branch("yes", "Tanh", 2), else_branch=branch("no", "Relu", -3)), N("MatMul", ["z", "w2"], ["y"])]
save("branches", model(nodes, {"w1": matrix(12, 40), "w2": matrix(40, 4), "shared": matrix(40), "zero": np.float32(0)}))
