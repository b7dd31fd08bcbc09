"""Writes models and what onnx.shape_inference knows of every value of theirs, for TestTypesAgreeWithONNX.

Run in a scratch environment with onnx (and torch for exports): python shapes.py DIR, then
go test ./splitter/infer -run TypesAgree -args -types DIR
"""
import io
import json
import pathlib
import sys

import onnx
from onnx import shape_inference

OUT = pathlib.Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)


def facts(model):
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    values = {}
    for v in list(inferred.graph.value_info) + list(inferred.graph.output):
        t = v.type.tensor_type
        if not v.type.HasField("tensor_type"):
            continue
        dims = None
        if t.HasField("shape"):
            dims = [d.dim_value if d.HasField("dim_value") else -1 for d in t.shape.dim]
        values[v.name] = {"Type": t.elem_type, "Dims": dims}
    return values


def save(name, model):
    """Declared outputs go, so that what is left is inferred."""
    for o in model.graph.output:
        if o.type.HasField("tensor_type"):
            o.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    try:
        known = facts(model)
    except Exception:
        return 0
    onnx.save(model, OUT / f"{name}.onnx")
    (OUT / f"{name}.json").write_text(json.dumps(known))
    return 1


def nodes():
    from onnx.backend.test.case.node import collect_testcases

    n = 0
    for case in collect_testcases(None):
        if case.model is None:
            continue
        n += save(case.name, onnx.ModelProto.FromString(case.model.SerializeToString()))
        model = onnx.ModelProto.FromString(case.model.SerializeToString())
        for at in (0, 1):  # the same with symbols instead of the sizes of the first or second dimension
            symbols = {}
            for i in model.graph.input:
                dims = i.type.tensor_type.shape.dim
                if i.type.HasField("tensor_type") and len(dims) > at and i.type.tensor_type.elem_type in (1, 10, 11, 16):
                    size = dims[at].dim_value
                    dims[at].dim_param = symbols.setdefault(size, f"s{at}_{len(symbols)}")
            n += save(f"{case.name}.symbols{at}", model)
            model = onnx.ModelProto.FromString(case.model.SerializeToString())
    return n


def exports():
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.qkv, self.out, self.norm = nn.Embedding(50, 24), nn.Linear(24, 72), nn.Linear(24, 24), nn.LayerNorm(24)

        def forward(self, ids):
            x = self.embed(ids)
            b, s, _ = x.shape
            q, k, v = (t.reshape(b, s, 4, 6).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
            mask = torch.ones(s, s).tril().view(1, 1, s, s)
            a = (q @ k.transpose(-1, -2)).masked_fill(mask == 0, -1e9).softmax(-1) @ v
            return self.norm(x + self.out(a.transpose(1, 2).reshape(b, s, 24)))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(5, 7, batch_first=True, bidirectional=True), nn.Linear(14, 3)

        def forward(self, x):
            y, _ = self.lstm(x)
            return self.head(y[:, -1])

    conv = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.ConvTranspose2d(8, 4, 2, 2), nn.Upsample(scale_factor=2),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    cases = {
        "attention": (Attention(), torch.zeros(2, 9, dtype=torch.long), {0: "batch", 1: "seq"}),
        "recurrent": (Recurrent(), torch.zeros(2, 6, 5), {0: "batch", 1: "seq"}),
        "conv": (conv, torch.zeros(2, 3, 32, 32), {0: "batch", 2: "height", 3: "width"}),
        "encoder": (nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2, enable_nested_tensor=False).train(),
                    torch.zeros(2, 6, 16), {0: "batch", 1: "seq"}),
    }
    for name, (model, x, axes) in cases.items():
        for opset in (14, 16):
            buffer = io.BytesIO()
            torch.onnx.export(model, x, buffer, opset_version=opset, input_names=["x"], output_names=["y"], do_constant_folding=False,
                              dynamic_axes={"x": axes, "y": {0: "batch"}})
            save(f"torch-{name}-{opset}", onnx.ModelProto.FromString(buffer.getvalue()))


if len(sys.argv) > 2 and sys.argv[2] == "torch":
    exports()
else:
    print(nodes(), "models by onnx", onnx.__version__)
