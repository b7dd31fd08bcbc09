"""Export networks with PyTorch's own exporter.

usage: python3 torch_export.py OUT [SEED]

Writes OUT/NAME/model.onnx and the inputs as OUT/NAME/input-I.npy with inputs.json (array name -> file). torch_cases.py adds ONNX Runtime's
outputs. Needs torch (Debian's python3-torch) and onnx (python3-onnx).
"""
import json
import math
import pathlib
import shutil
import sys
import warnings

import numpy as np
import torch
from torch import nn


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10), nn.Softmax(-1))

    def forward(self, x):
        return self.layers(x)


class Attention(nn.Module):
    """Attention as BERT's exports have it: three projections, heads by view and permute."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, self.size).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(self.size) + mask
        context = torch.matmul(torch.softmax(scores, dim=-1), v).permute(0, 2, 1, 3).contiguous()
        return self.out(context.view(context.size(0), context.size(1), self.heads * self.size))


class EncoderLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention, self.norm1 = Attention(width, heads), nn.LayerNorm(width)
        self.up, self.down, self.norm2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), nn.LayerNorm(width)

    def forward(self, x, mask):
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))


class Encoder(nn.Module):
    """A BERT-like encoder with token and position embeddings, an attention mask and a pooled classifier."""

    def __init__(self, layers=6, width=96, heads=12, words=500, steps=64, classes=7):
        super().__init__()
        self.words, self.places, self.norm = nn.Embedding(words, width), nn.Embedding(steps, width), nn.LayerNorm(width)
        self.layers = nn.ModuleList(EncoderLayer(width, heads) for _ in range(layers))
        self.pool, self.classify = nn.Linear(width, width), nn.Linear(width, classes)

    def forward(self, ids, mask):
        places = torch.arange(ids.size(1), device=ids.device).unsqueeze(0)
        x = self.norm(self.words(ids) + self.places(places))
        penalty = (1.0 - mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, penalty)
        return x, self.classify(torch.tanh(self.pool(x[:, 0])))


class DecoderLayer(nn.Module):
    """GPT's: norms first, one matrix for the three projections."""

    def __init__(self, width, heads, steps):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.register_buffer("causal", torch.tril(torch.ones(steps, steps)).view(1, 1, steps, steps))

    def forward(self, x):
        b, t, w = x.size()
        q, k, v = self.qkv(self.norm1(x)).split(w, dim=2)
        q, k, v = (y.view(b, t, self.heads, self.size).transpose(1, 2) for y in (q, k, v))
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(self.size))
        scores = scores.masked_fill(self.causal[:, :, :t, :t] == 0, float("-inf"))
        y = (torch.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(b, t, w)
        x = x + self.out(y)
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Decoder(nn.Module):
    """A GPT-like decoder with a wide output layer."""

    def __init__(self, layers=3, width=96, heads=12, words=6000, steps=32):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(steps, width)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, steps) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)

    def forward(self, ids):
        x = self.words(ids) + self.places(torch.arange(ids.size(1), device=ids.device).unsqueeze(0))
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.short = None
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.short is None else self.short(x)))


class Residual(nn.Module):
    """A ResNet-like network of three stages."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.pool = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.MaxPool2d(2)
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 32, 1), Block(32, 64, 2))
        self.out = nn.Linear(64, 10)
        for m in self.modules():
            if isinstance(m, nn.BatchNorm2d):
                nn.init.uniform_(m.running_mean, -0.5, 0.5)
                nn.init.uniform_(m.running_var, 0.5, 2)
                nn.init.uniform_(m.weight, 0.5, 1.5)
                nn.init.uniform_(m.bias, -0.5, 0.5)

    def forward(self, x):
        x = self.blocks(self.pool(torch.relu(self.norm(self.stem(x)))))
        return self.out(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Recurrent(nn.Module):
    """Token embeddings, two LSTM layers, a classifier of the last step."""

    def __init__(self):
        super().__init__()
        self.words, self.lstm, self.out = nn.Embedding(300, 48), nn.LSTM(48, 64, 2, batch_first=True), nn.Linear(64, 20)

    def forward(self, ids):
        y, _ = self.lstm(self.words(ids))
        return self.out(y[:, -1])


class Recommender(nn.Module):
    """A DLRM-like recommender: bags of embeddings, a bottom network, pairwise products, a top network."""

    def __init__(self, rows=(4000, 900, 50, 7, 2500), width=16, dense=13):
        super().__init__()
        self.tables = nn.ModuleList(nn.EmbeddingBag(n, width, mode="sum") for n in rows)
        self.bottom = nn.Sequential(nn.Linear(dense, 64), nn.ReLU(), nn.Linear(64, width), nn.ReLU())
        pairs = (len(rows) + 1) * len(rows) // 2
        self.top = nn.Sequential(nn.Linear(width + pairs, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
        i, j = np.tril_indices(len(rows) + 1, -1)
        self.i, self.j = torch.tensor(i), torch.tensor(j)

    def forward(self, dense, offsets, *ids):
        x = self.bottom(dense)
        bags = [table(ids[k], offsets[k]) for k, table in enumerate(self.tables)]
        t = torch.stack([x] + bags, dim=1)
        z = torch.bmm(t, t.transpose(1, 2))[:, self.i, self.j]
        return self.top(torch.cat([x, z], dim=1))


def bags(rng, rows, batch):
    """Offsets of every table, stacked, and the indices of each."""
    offsets, ids = [], []
    for n in rows:
        sizes = rng.integers(0, 6, batch)
        offsets.append(np.concatenate([[0], np.cumsum(sizes)[:-1]]))
        ids.append(rng.integers(0, n, max(int(sizes.sum()), 1)))
    return torch.tensor(np.stack(offsets)), [torch.tensor(x) for x in ids]


def export(out, name, module, inputs, outputs, axes, opset=14, train=False):
    """Writes OUT/NAME. Without axes every size is fixed. train exports in training mode, which the layers that have a form of
    their own for inference (nn.MultiheadAttention) need; they must have no dropout and no batch norm."""
    path = out / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    module.train(train)
    mode = torch.onnx.TrainingMode.TRAINING if train else torch.onnx.TrainingMode.EVAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, tuple(inputs.values()), str(path / "model.onnx"), input_names=list(inputs), output_names=outputs,
                          dynamic_axes=axes, opset_version=opset, do_constant_folding=not train, training=mode)
    files = {}
    for i, (key, value) in enumerate(inputs.items()):
        files[key] = f"input-{i}.npy"
        np.save(path / files[key], np.ascontiguousarray(value.numpy()))
    (path / "inputs.json").write_text(json.dumps({"inputs": files, "torch": torch.__version__}))


def main():
    out, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    ids = lambda words, *shape: torch.tensor(rng.integers(0, words, shape))
    batch = {0: "batch"}
    export(out, "torch-mlp", Perceptron(), {"x": torch.randn(9, 64)}, ["y"], {"x": batch, "y": batch})
    mask = torch.ones(3, 11, dtype=torch.int64)
    mask[1, 7:] = 0
    steps = {0: "batch", 1: "steps"}
    export(out, "torch-encoder", Encoder(), {"ids": ids(500, 3, 11), "mask": mask}, ["hidden", "classes"],
           {"ids": steps, "mask": steps, "hidden": steps, "classes": batch})
    export(out, "torch-decoder", Decoder(), {"ids": ids(6000, 2, 9)}, ["logits"], {"ids": steps, "logits": steps})
    export(out, "torch-resnet", Residual(), {"image": torch.randn(3, 3, 32, 32)}, ["classes"], {"image": batch, "classes": batch})
    export(out, "torch-lstm", Recurrent(), {"ids": ids(300, 4, 12)}, ["classes"], {"ids": steps, "classes": batch})
    rows = (4000, 900, 50, 7, 2500)
    offsets, indices = bags(rng, rows, 6)
    inputs = {"dense": torch.randn(6, 13), "offsets": offsets, **{f"ids_{k}": x for k, x in enumerate(indices)}}
    axes = {"dense": batch, "offsets": {1: "batch"}, "score": batch, **{f"ids_{k}": {0: f"indices_{k}"} for k in range(len(rows))}}
    export(out, "torch-dlrm", Recommender(rows), inputs, ["score"], axes)


if __name__ == "__main__":
    main()
