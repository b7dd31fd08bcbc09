"""Export networks with PyTorch's own exporter, with what PyTorch computes.

usage: python3 exports.py OUT [SEED]

Writes OUT/NAME.onnx and OUT/NAME.json, in the form of generate.py. Needs torch and onnx (Debian's python3-torch, python3-onnx).
"""
import base64, json, pathlib, sys, warnings

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tests" / "reference"))
import torch_export

OUT = pathlib.Path(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261


def encode(x):
    a = np.ascontiguousarray(x.detach().numpy())
    names = {"float32": "F32", "int64": "I64", "bool": "BOOL"}
    return {"dtype": names[str(a.dtype)], "shape": list(x.shape), "data": base64.b64encode(a.tobytes()).decode()}


def save(_, name, module, inputs, outputs, axes, opset=14, **options):
    module.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, tuple(inputs.values()), str(OUT / f"{name}.onnx"), input_names=list(inputs), output_names=outputs, dynamic_axes=axes,
                          opset_version=opset, do_constant_folding=True, **options)
        results = module(*inputs.values())
    results = results if isinstance(results, tuple) else (results,)
    (OUT / f"{name}.json").write_text(json.dumps({"inputs": {k: encode(v) for k, v in inputs.items()}, "outputs": {k: encode(v) for k, v in zip(outputs, results)}}))


class Bag(nn.Module):
    def __init__(self, mode, last=False):
        super().__init__()
        self.bag = nn.EmbeddingBag(50, 12, mode=mode, include_last_offset=last)

    def forward(self, ids, offsets=None, factors=None):
        return self.bag(ids, offsets, factors)


class TanhGelu(nn.Module):
    """Gelu as GPT-2's code writes it."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(24, 64), nn.Linear(64, 24)

    def forward(self, x):
        h = self.up(x)
        return self.down(0.5 * h * (1.0 + torch.tanh(0.7978845608028654 * (h + 0.044715 * torch.pow(h, 3.0)))))


class Convolutions(nn.Module):
    """Batch normalisation behind products of all kinds."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, groups=4, dilation=2), nn.BatchNorm2d(32), nn.SiLU(),
                                    nn.ConvTranspose2d(32, 24, 3, 2, groups=2), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 40), nn.BatchNorm1d(40))
        for m in self.modules():
            if isinstance(m, (nn.BatchNorm2d, nn.BatchNorm1d)):
                for p, low, high in ((m.running_mean, -0.5, 0.5), (m.running_var, 0.5, 2), (m.weight, 0.5, 1.5), (m.bias, -0.5, 0.5)):
                    nn.init.uniform_(p, low, high)

    def forward(self, x):
        return self.layers(x)


class RootMeanSquares(nn.Module):
    """Normalisation by the root of mean squares, in the forms that LLaMA's, T5's and hand-written code have, around layers as wide as one that is cut."""

    def __init__(self, width=96, inner=400):
        super().__init__()
        self.up, self.down, self.out = nn.Linear(width, inner), nn.Linear(inner, width), nn.Linear(width, width)
        self.scales = nn.ParameterList(nn.Parameter(torch.rand(n) + 0.5) for n in (width, inner, width))

    def forward(self, x):
        h = self.scales[0] * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))
        h = self.up(h)
        h = h / torch.sqrt((h * h).sum(-1, keepdim=True) / h.shape[-1] + 1e-5) * self.scales[1]
        x = x + self.down(torch.relu(h))
        return self.out(self.scales[2] * x / torch.sqrt(torch.mean(x**2, dim=-1, keepdim=True) + 1e-5))


def main():
    torch_export.export = save
    sys.argv[1:] = [str(OUT), str(SEED)]
    torch_export.main()
    torch.manual_seed(SEED)
    ids = torch.randint(0, 50, (9,))
    for opset in range(11, 17):
        for mode in ("sum", "mean", "max"):
            for last in (False, True):
                offsets = torch.tensor([0, 2, 2 if mode == "sum" else 3, 5] + ([9] if last else []))
                axes = {"ids": {0: "n"}, "offsets": {0: "bags"}, "factors": {0: "n"}}
                name = f"bag-{opset}-{mode}" + ("-last" if last else "")
                save(OUT, name, Bag(mode, last), {"ids": ids, "offsets": offsets}, ["y"], axes, opset)
                if mode == "sum":
                    save(OUT, name + "-factors", Bag(mode, last), {"ids": ids, "offsets": offsets, "factors": torch.randn(9)}, ["y"], axes, opset)
            save(OUT, f"bag-{opset}-{mode}-2d", Bag(mode), {"ids": torch.randint(0, 50, (4, 3))}, ["y"], {}, opset)
    for opset in (11, 14, 16):
        save(OUT, f"root-mean-squares-{opset}", RootMeanSquares(), {"x": torch.randn(5, 3, 96)}, ["y"], {"x": {0: "batch"}}, opset)
        save(OUT, f"tanh-gelu-{opset}", TanhGelu(), {"x": torch.randn(5, 24)}, ["y"], {"x": {0: "batch"}}, opset)
        save(OUT, f"convolutions-{opset}", Convolutions(), {"x": torch.randn(2, 3, 12, 12)}, ["y"], {"x": {0: "batch"}}, opset, training=torch.onnx.TrainingMode.PRESERVE)
        layer = nn.TransformerEncoderLayer(48, 4, 96, activation="gelu")  # steps first: the fast path for batches first has no form in ONNX
        save(OUT, f"transformer-{opset}", nn.TransformerEncoder(layer, 2), {"x": torch.randn(7, 2, 48)}, ["y"], {"x": {0: "steps", 1: "batch"}}, opset)


main()
