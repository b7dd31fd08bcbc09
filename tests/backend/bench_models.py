"""Exports the models of the benchmark against ONNX Runtime with PyTorch, one folder each in the layout of ONNX's cases.

usage: bench_models.py OUTDIR

OUTDIR/NAME/{model.onnx, test_data_set_0/{input,output}_I.pb}; the outputs are PyTorch's own. Weights and inputs are
random numbers of a fixed seed. It runs with Debian's python3-torch and python3-onnx.
"""

import pathlib
import sys
import warnings

import onnx
import torch
from onnx import numpy_helper
from torch import nn


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(784, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 1000))

    def forward(self, x):
        return self.layers(x)


class Block(nn.Module):
    """A layer of a BERT-like encoder, written out: PyTorch's own takes a path that cannot be exported."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = parts[0] @ parts[1].transpose(-1, -2) / (width // self.heads) ** 0.5
        mixed = (torch.softmax(scores, -1) @ parts[2]).transpose(1, 2).reshape(batch, length, width)
        x = self.norm1(x + self.out(mixed))
        return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))


class Encoder(nn.Module):
    def __init__(self, words=1000, width=256, layers=6):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.layers = nn.Sequential(*[Block(width, 4) for _ in range(layers)])

    def forward(self, ids):
        return self.layers(self.words(ids))


class Residual(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.a, self.b = nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.na, self.nb = nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        self.skip = nn.Conv2d(inside, outside, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = torch.relu(self.na(self.a(x)))
        return torch.relu(self.nb(self.b(y)) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 7, 2, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.body = nn.Sequential(Residual(32, 32, 1), Residual(32, 64, 2), Residual(64, 128, 2), Residual(128, 256, 2))
        self.head = nn.Linear(256, 100)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(64, 256, 2, batch_first=True), nn.Linear(256, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Dlrm(nn.Module):
    def __init__(self, tables=8, rows=20000, width=64):
        super().__init__()
        self.tables = nn.ModuleList([nn.EmbeddingBag(rows, width, mode="sum") for _ in range(tables)])
        for table in self.tables:  # as small as trained ones, so that the last sigmoid is not at its end
            nn.init.uniform_(table.weight, -0.05, 0.05)
        self.bottom = nn.Sequential(nn.Linear(13, 256), nn.ReLU(), nn.Linear(256, width), nn.ReLU())
        pairs = (tables + 1) * (tables + 1)
        self.top = nn.Sequential(nn.Linear(width + pairs, 256), nn.ReLU(), nn.Linear(256, 1), nn.Sigmoid())

    def forward(self, numbers, ids):
        dense = self.bottom(numbers)
        every = torch.stack([dense] + [table(ids[:, i]) for i, table in enumerate(self.tables)], 1)
        pairs = every @ every.transpose(1, 2)
        return self.top(torch.cat([dense, pairs.flatten(1)], 1))


def models():
    def image(n):
        return (torch.randn(n, 3, 96, 96),)

    return {
        "mlp-1": (Mlp(), (torch.randn(1, 784),)),
        "mlp-16": (Mlp(), (torch.randn(16, 784),)),
        "encoder-1x64": (Encoder(), (torch.randint(1000, (1, 64)),)),
        "resnet-1": (ResNet(), image(1)),
        "lstm-1x32": (Lstm(), (torch.randn(1, 32, 64),)),
        "dlrm-1": (Dlrm(), (torch.randn(1, 13), torch.randint(20000, (1, 8, 16)))),
    }


def randomise(model):
    """Statistics of BatchNorm as a trained model has them."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)


def write(directory, model, inputs):
    data = directory / "test_data_set_0"
    data.mkdir(parents=True)
    model.eval()
    randomise(model)
    with torch.no_grad():
        output = model(*inputs)
        torch.onnx.export(model, inputs, str(directory / "model.onnx"), opset_version=13)
    graph = onnx.load(str(directory / "model.onnx")).graph
    for i, (value, info) in enumerate(zip(inputs, graph.input)):
        (data / f"input_{i}.pb").write_bytes(numpy_helper.from_array(value.numpy(), info.name).SerializeToString())
    (data / "output_0.pb").write_bytes(numpy_helper.from_array(output.numpy(), graph.output[0].name).SerializeToString())


def main():
    out = pathlib.Path(sys.argv[1])
    warnings.simplefilter("ignore")
    torch.manual_seed(20261)
    torch.set_num_threads(1)
    for name, (model, inputs) in models().items():
        write(out / name, model, inputs)
        print(name)


if __name__ == "__main__":
    main()
