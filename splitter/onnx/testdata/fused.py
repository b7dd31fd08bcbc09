"""Models of the operators that ONNX Runtime's own tools write, and what ONNX Runtime 1.23.2 computes for them; written with onnx 1.19.1.

Usage: fused.py DIRECTORY. The form of the files is generate.py's."""
import base64, json, sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper as h, numpy_helper as nh, TensorProto as T

OUT = sys.argv[1]
rng = np.random.default_rng(23)
TYPES = {"float32": "F32", "int64": "I64", "int32": "I32", "uint8": "U8", "int8": "I8"}


def encode(a):
    return {"dtype": TYPES[str(a.dtype)], "shape": list(a.shape), "data": base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()}


def r(*shape, scale=None):
    return (rng.standard_normal(shape) * (scale or (1 / np.sqrt(shape[0]) if len(shape) > 1 else 0.3))).astype(np.float32)


def n(op, ins, outs, **attrs):
    return h.make_node(op, ins, outs, domain="com.microsoft", **attrs)


def save(name, nodes, inits, inputs, outputs, opset):
    """inputs are dimensions and value by name; outputs are element types by name."""
    g = h.make_graph(nodes, "g", [h.make_tensor_value_info(k, h.np_dtype_to_tensor_dtype(v.dtype), dims) for k, (dims, v) in inputs.items()],
                     [h.make_tensor_value_info(k, t, None) for k, t in outputs.items()], [nh.from_array(v, k) for k, v in inits.items()])
    m = h.make_model(g, opset_imports=[h.make_opsetid("", opset), h.make_opsetid("com.microsoft", 1)], ir_version=8)
    onnx.save(m, f"{OUT}/{name}.onnx")
    o = ort.SessionOptions()
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    s = ort.InferenceSession(m.SerializeToString(), o, providers=["CPUExecutionProvider"])
    values = {k: v for k, (_, v) in inputs.items()}
    found = {o.name: encode(v) for o, v in zip(s.get_outputs(), s.run(None, values))}
    json.dump({"inputs": {k: encode(v) for k, v in values.items()}, "outputs": found}, open(f"{OUT}/{name}.json", "w"))
    print(name)


B, S, W, H = 3, 5, 8, 2
ids = rng.integers(0, 20, (B, S)).astype(np.int32)
mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], np.int32)
norm = lambda *names: {k: v for x in names for k, v in ((x + "g", 1 + r(W)), (x + "b", r(W)))}

# An encoder as the optimiser of transformers leaves it: lengths from the mask, a skip with a bias.
for opset in 11, 17:
    save(f"bert-{opset}", [
        n("EmbedLayerNormalization", ["ids", "segments", "words", "places", "parts", "eg", "eb", "mask"], ["e", "lengths"], epsilon=1e-5),
        n("Attention", ["e", "qkv", "qkvb", "lengths"], ["a"], num_heads=H),
        h.make_node("MatMul", ["a", "wo"], ["o"]), n("SkipLayerNormalization", ["o", "e", "1g", "1b", "bo"], ["s"], epsilon=1e-5),
        h.make_node("MatMul", ["s", "w1"], ["m"]), n("BiasGelu", ["m", "b1"], ["z"]), h.make_node("MatMul", ["z", "w2"], ["p"]),
        n("SkipLayerNormalization", ["p", "s", "2g", "2b", "b2"], ["y"], epsilon=1e-5)],
        dict(words=r(20, W, scale=1), places=r(9, W, scale=1), parts=r(2, W, scale=1), qkv=r(W, 3 * W), qkvb=r(3 * W), wo=r(W, W), bo=r(W), w1=r(W, 16), b1=r(16), w2=r(16, W), b2=r(W),
             **norm("e", "1", "2")),
        {"ids": (["N", "S"], ids), "segments": (["N", "S"], rng.integers(0, 2, (B, S)).astype(np.int32)), "mask": (["N", "S"], mask)}, {"y": T.FLOAT}, opset)

# A decoder step with past and present, whose queries see what stands before them.
save("gpt", [
    h.make_node("LayerNormalization", ["x", "1g", "1b"], ["e"], epsilon=1e-5), n("Attention", ["e", "qkv", "qkvb", "", "past"], ["a", "present"], num_heads=H, unidirectional=1),
    h.make_node("MatMul", ["a", "wo"], ["o"]), n("SkipLayerNormalization", ["o", "x", "2g", "2b"], ["s", "", "", "sum"], epsilon=1e-5),
    h.make_node("MatMul", ["s", "w1"], ["m"]), n("FastGelu", ["m", "b1"], ["z"]), h.make_node("MatMul", ["z", "w2"], ["p"]), h.make_node("Add", ["p", "sum"], ["y"])],
    dict(qkv=r(W, 3 * W), qkvb=r(3 * W), wo=r(W, W), w1=r(W, 16), b1=r(16), w2=r(16, W), **norm("1", "2")),
    {"x": (["N", "S", W], r(B, S, W, scale=1)), "past": ([2, "N", H, "P", W // H], r(2, B, H, 2, W // H, scale=1))}, {"y": T.FLOAT, "present": T.FLOAT}, 14)

# Heads of separate products, rotated, normalised by the root of the mean square; keys that a mask hides.
save("rotated", [
    h.make_node("SimplifiedLayerNormalization", ["x", "g1"], ["e"], epsilon=1e-5, axis=-1),
    *[h.make_node("MatMul", ["e", "w" + k], [k]) for k in "qkv"],
    *[n("RotaryEmbedding", [k, "positions", "cos", "sin"], [k + "r"], interleaved=i) for k, i in (("q", 0), ("k", 0))],
    n("MultiHeadAttention", ["qr", "kr", "v", "", "mask", "bias"], ["a"], num_heads=H, unidirectional=1),
    h.make_node("MatMul", ["a", "wo"], ["o"]), n("SkipSimplifiedLayerNormalization", ["o", "x", "g2"], ["s", "", "", "sum"], epsilon=1e-5),
    h.make_node("MatMul", ["s", "w1"], ["m"]), n("QuickGelu", ["m"], ["z"], alpha=1.5), h.make_node("MatMul", ["z", "w2"], ["p"]), h.make_node("Add", ["p", "sum"], ["y"])],
    dict(wq=r(W, W), wk=r(W, W), wv=r(W, W), wo=r(W, W), w1=r(W, 16), w2=r(16, W), g1=1 + r(W), g2=1 + r(W), cos=np.cos(r(9, 2, scale=2)), sin=np.sin(r(9, 2, scale=2)), bias=r(1, H, S, S)),
    {"x": (["N", S, W], r(B, S, W, scale=1)), "positions": (["N", S], np.tile(np.arange(S), (B, 1))), "mask": (["N", S], mask)}, {"y": T.FLOAT}, 17)

# What the optimiser of graphs saves.
save("layers", [
    n("FusedConv", ["x", "k1", "c1"], ["a"], activation="Relu", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    n("FusedConv", ["a", "k2", "c2", "a"], ["b"], activation="Clip", activation_params=[-0.5, 0.75], kernel_shape=[1, 1]),
    h.make_node("Flatten", ["b"], ["f"]), n("FusedGemm", ["f", "w1", "b1"], ["g"], activation="LeakyRelu", activation_alpha=0.2, transB=1),
    n("Gelu", ["g"], ["e"]), n("FusedMatMul", ["e", "w2"], ["y"], alpha=0.5, transB=1)],
    dict(k1=r(4, 2, 3, 3), c1=r(4), k2=r(4, 4, 1, 1), c2=r(4), w1=r(12, 64, scale=0.2), b1=r(12), w2=r(5, 12)), {"x": (["N", 2, 4, 4], r(B, 2, 4, 4, scale=1))}, {"y": T.FLOAT}, 13)

# Quantised activations between quantised operators, and products of integers that are scaled back.
s, z = np.float32, np.uint8
save("quantised", [
    h.make_node("QuantizeLinear", ["x", "sx", "zx"], ["q"]), n("QLinearLeakyRelu", ["q", "sx", "zx", "sa", "za"], ["a"], alpha=0.1), n("QLinearSigmoid", ["q", "sx", "zx", "sb", "zb"], ["b"]),
    n("QLinearMul", ["a", "sa", "za", "b", "sb", "zb", "sc", "zc"], ["c"]), n("QLinearAdd", ["c", "sc", "zc", "a", "sa", "za", "sd", "zd"], ["d"]),
    n("QLinearConcat", ["se", "ze", "c", "sc", "zc", "d", "sd", "zd"], ["e"], axis=1), n("QLinearAveragePool", ["e", "se", "ze", "sc", "zc"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
    n("QLinearGlobalAveragePool", ["p", "sc", "zc", "sf", "zf"], ["f"], channels_last=0), h.make_node("Flatten", ["f"], ["g"]), n("QGemm", ["g", "sf", "zf", "w", "sw", "zw", "bias", "sy", "zy"], ["y"], transB=1),
    n("QGemm", ["g", "sf", "zf", "w", "sw", "zw", "bias"], ["plain"], transB=1)],
    dict(sx=s(0.03), zx=z(120), sa=s(0.02), za=z(20), sb=s(1 / 256), zb=z(0), sc=s(0.015), zc=z(15), sd=s(0.04), zd=z(25), se=s(0.04), ze=z(30), sf=s(0.01), zf=z(64),
         w=rng.integers(-60, 60, (3, 4)).astype(np.int8), sw=np.array([0.02, 0.03, 0.01], s), zw=np.zeros(3, np.int8), bias=rng.integers(-500, 500, 3).astype(np.int32), sy=s(0.02), zy=z(128)),
    {"x": (["N", 2, 4, 4], r(B, 2, 4, 4, scale=1))}, {"y": T.UINT8, "plain": T.FLOAT}, 13)
save("integers", [
    n("DynamicQuantizeMatMul", ["x", "w1", "s1", "z1", "b1"], ["h"]), h.make_node("QuantizeLinear", ["h", "sh", "zh"], ["q"]), n("MatMulIntegerToFloat", ["q", "w2", "sh", "s2", "zh", "", "b2"], ["y"])],
    dict(w1=rng.integers(0, 120, (W, 6)).astype(np.uint8), s1=s(0.02), z1=z(60), b1=r(6), sh=s(0.05), zh=z(100), w2=rng.integers(-60, 60, (6, 4)).astype(np.int8), s2=np.array([0.02, 0.01, 0.03, 0.02], s), b2=r(4)),
    {"x": ([1, W], r(1, W, scale=1))}, {"y": T.FLOAT}, 13)

# A decoder step whose heads share keys, with weights of 4 bits, and rows that have had 3, 1 and 2 steps before.
W, D = 32, 16
bits = {f"{k}w": rng.integers(0, 256, (n, W // 16, 8)).astype(np.uint8) for k, n in (("q", 2 * D), ("k", D), ("v", D), ("o", W))}
bits |= {f"{k}s": np.abs(r(n * (W // 16), scale=0.02)) + s(0.01) for k, n in (("q", 2 * D), ("k", D), ("v", D), ("o", W))}
few = lambda k, x, y, size: n("MatMulNBits", [x, k + "w", k + "s"], [y], K=W, N=size, bits=4, block_size=16)
save("grouped", [
    h.make_node("SimplifiedLayerNormalization", ["x", "g1"], ["e"], epsilon=1e-5, axis=-1), few("q", "e", "q", 2 * D), few("k", "e", "k", D), few("v", "e", "v", D),
    n("GroupQueryAttention", ["q", "k", "v", "keys", "values", "seqlens", "total", "cos", "sin"], ["a", "present_keys", "present_values"], num_heads=2, kv_num_heads=1, do_rotary=1, local_window_size=2),
    few("o", "a", "o", W), n("SkipSimplifiedLayerNormalization", ["o", "x", "g2"], ["y"], epsilon=1e-5)],
    dict(g1=1 + r(W), g2=1 + r(W), cos=np.cos(r(9, D // 2, scale=2)), sin=np.sin(r(9, D // 2, scale=2)), **bits),
    {"x": (["N", 1, W], r(B, 1, W, scale=1)), "keys": (["N", 1, "P", D], r(B, 1, 3, D, scale=1)), "values": (["N", 1, "P", D], r(B, 1, 3, D, scale=1)),
     "seqlens": (["N"], np.array([3, 1, 2], np.int32)), "total": ([1], np.array([4], np.int32))}, {"y": T.FLOAT}, 17)
