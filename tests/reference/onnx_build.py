"""Building blocks for the ONNX parity cases: a graph under construction and the ways in which weights are stored."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """An ONNX graph under construction. Weights are stored as `store` says: "raw" or "typed" initializers, "constant"
    nodes, or "inputs", initializers that are listed among the graph's inputs too as in models before IR version 4."""

    def __init__(self, rng, store="raw", opset=17, dtype=np.float32):
        self.rng, self.store, self.opset, self.dtype = rng, store, opset, np.dtype(dtype)
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []
        self.count = 0

    def name(self, stem):
        self.count += 1
        return f"{stem}_{self.count}"

    def elem(self):
        return helper.np_dtype_to_tensor_dtype(self.dtype)

    def input(self, name, columns, dtype=None, batch="N"):
        dims = [batch] + list(columns)
        self.inputs.append(helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype)), dims))
        return name

    def output(self, value, name, columns, dtype=None, batch="N"):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype)), [batch] + list(columns)))

    def weight(self, array, stem="w"):
        name = self.name(stem)
        array = np.asarray(array)
        if self.store == "typed":
            tensor = helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape, array.ravel())
        else:
            tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
        if self.store == "constant":
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initializers.append(tensor)
        if self.store == "inputs":
            self.inputs.append(helper.make_tensor_value_info(name, tensor.data_type, array.shape))
        return name

    def random(self, *shape):
        """Weights of a scale that keeps activations near one."""
        return (self.rng.standard_normal(shape) / np.sqrt(shape[0])).astype(self.dtype)

    def node(self, op, *inputs, **attributes):
        out = self.name(op.lower())
        self.nodes.append(helper.make_node(op, list(inputs), [out], name=self.name("node"), **attributes))
        return out

    def dense(self, x, rows, columns, form):
        """One dense layer, in one of the forms that exporters write."""
        w, b = self.random(rows, columns), self.random(1, columns)[0]
        if form == "gemm":
            return self.node("Gemm", x, self.weight(w), self.weight(b, "b"))
        if form == "gemm-transposed":
            return self.node("Gemm", x, self.weight(w.T), self.weight(b, "b"), transB=1)
        if form == "gemm-scaled":
            return self.node("Gemm", x, self.weight(w), self.weight(b[None], "b"), alpha=0.5, beta=2.0)
        if form == "gemm-no-bias":
            return self.node("Gemm", x, self.weight(w.T), transB=1)
        if form == "matmul-add":
            return self.node("Add", self.node("MatMul", x, self.weight(w)), self.weight(b, "b"))
        if form == "add-matmul":
            return self.node("Add", self.weight(b, "b"), self.node("MatMul", x, self.weight(w)))
        if form == "matmul":
            return self.node("MatMul", x, self.weight(w))
        raise ValueError(form)

    def mlp(self, x, widths, form, activation=None, last=None):
        """Dense layers of the given widths with an activation between them and another after the last."""
        for i, (rows, columns) in enumerate(zip(widths, widths[1:])):
            x = self.dense(x, rows, columns, form)
            act = activation if i + 2 < len(widths) else last
            if act is not None:
                x = act(self, x)
        return x

    def model(self, ir_version=8):
        graph = helper.make_graph(self.nodes, "case", self.inputs, self.outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=ir_version,
                                  producer_name="shardwise-parity")
        onnx.checker.check_model(model, full_check=True)
        return model


def op(kind, **attributes):
    """An activation that is one node."""
    return lambda graph, x: graph.node(kind, x, **attributes)


def clip(low, high):
    """Clip with its limits as inputs."""
    return lambda g, x: g.node("Clip", x, g.weight(np.array(low, g.dtype), "low"), g.weight(np.array(high, g.dtype), "high"))


def swish(graph, x):
    """x * sigmoid(x), as exporters write SiLU."""
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def location_only(model):
    """Gives each external tensor nothing but its location, as one file a tensor."""
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            kept = [e for e in tensor.external_data if e.key == "location"]
            del tensor.external_data[:]
            tensor.external_data.extend(kept)
