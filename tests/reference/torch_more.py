"""Further networks for torch_export.py: what its six do not have.

usage: python3 torch_more.py OUT [SEED]

Torch's own attention and Transformer layers, rotary embeddings, a U-Net, bidirectional GRUs, depthwise and windowed blocks,
several outputs, fixed batches, and the perceptron, the encoder and the residual network in the operator sets 11 to 17.
"""
import math
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from torch_export import Encoder, Perceptron, Residual, export


class Blocks(nn.Module):
    """torch's own TransformerEncoderLayer, first norms and last ones, after an embedding."""

    def __init__(self, width=64, heads=8, words=200):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=first)
                                    for first in (True, False))
        self.out = nn.Linear(width, words)

    def forward(self, ids):
        x = self.words(ids)
        for layer in self.layers:
            x = layer(x)
        return self.out(x)


class CrossAttention(nn.Module):
    """nn.MultiheadAttention between two sequences, with its weights as a second output."""

    def __init__(self, width=48, heads=6):
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(width, heads, batch_first=True), nn.LayerNorm(width)

    def forward(self, query, memory):
        y, weights = self.attention(query, memory, memory)
        return self.norm(query + y), weights


class Rotary(nn.Module):
    """A LLaMA-like block: RMS norm, rotary embeddings, grouped keys and values, SwiGLU."""

    def __init__(self, width=64, heads=8, groups=2, words=300, steps=32):
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, width // heads
        self.words, self.scale1, self.scale2 = nn.Embedding(words, width), nn.Parameter(torch.rand(width) + 0.5), nn.Parameter(torch.rand(width) + 0.5)
        self.q, self.kv, self.o = nn.Linear(width, width, bias=False), nn.Linear(width, 2 * groups * self.size, bias=False), nn.Linear(width, width, bias=False)
        self.gate, self.up, self.down = (nn.Linear(*pair, bias=False) for pair in ((width, 160), (width, 160), (160, width)))
        self.head = nn.Linear(width, words, bias=False)
        angles = torch.outer(torch.arange(steps).float(), 10000.0 ** (-torch.arange(0, self.size, 2).float() / self.size))
        self.register_buffer("cos", torch.cos(torch.cat([angles, angles], -1)))
        self.register_buffer("sin", torch.sin(torch.cat([angles, angles], -1)))
        self.register_buffer("causal", torch.triu(torch.full((steps, steps), float("-inf")), 1))

    def norm(self, x, scale):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * scale

    def turn(self, x):
        a, b = x[..., :self.size // 2], x[..., self.size // 2:]
        t = x.size(2)
        return x * self.cos[:t] + torch.cat([-b, a], -1) * self.sin[:t]

    def forward(self, ids):
        x = self.words(ids)
        b, t = ids.size(0), ids.size(1)
        y = self.norm(x, self.scale1)
        q = self.q(y).view(b, t, self.heads, self.size).transpose(1, 2)
        k, v = self.kv(y).view(b, t, 2, self.groups, self.size).unbind(2)
        each = self.heads // self.groups
        k, v = (z.transpose(1, 2)[:, :, None].expand(b, self.groups, each, t, self.size).reshape(b, self.heads, t, self.size) for z in (k, v))
        scores = self.turn(q) @ self.turn(k).transpose(-1, -2) / math.sqrt(self.size) + self.causal[:t, :t]
        y = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(b, t, self.heads * self.size)
        x = x + self.o(y)
        y = self.norm(x, self.scale2)
        x = x + self.down(functional.silu(self.gate(y)) * self.up(y))
        return self.head(x)


class UNet(nn.Module):
    """Down and up again, by a transposed convolution and by two kinds of interpolation, with skips."""

    def __init__(self, width=8):
        super().__init__()
        pair = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.LeakyReLU(0.1), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())
        self.a, self.b, self.c, self.d = pair(3, width), pair(width, 2 * width), pair(2 * width, 4 * width), pair(4 * width, 4 * width)
        self.up1 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up2, self.up3 = nn.Upsample(scale_factor=2, mode="nearest"), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.e, self.f, self.g = pair(6 * width, 2 * width), pair(4 * width, width), pair(2 * width, width)
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(functional.max_pool2d(a, 2))
        c = self.c(functional.avg_pool2d(b, 2))
        d = self.d(functional.max_pool2d(c, 2))
        y = self.e(torch.cat([self.up1(d), c], 1))
        y = self.f(torch.cat([self.up2(y), b], 1))
        return torch.sigmoid(self.out(self.g(torch.cat([self.up3(y), a], 1))))


class Gated(nn.Module):
    """A bidirectional GRU of two layers; the sequence and the last states are outputs."""

    def __init__(self):
        super().__init__()
        self.words, self.gru, self.out = nn.Embedding(120, 24), nn.GRU(24, 32, 2, batch_first=True, bidirectional=True), nn.Linear(64, 9)

    def forward(self, ids):
        y, h = self.gru(self.words(ids))
        return self.out(y), h


class Plain(nn.Module):
    """nn.RNN with a projection, and an LSTM that starts from given states."""

    def __init__(self):
        super().__init__()
        self.rnn, self.lstm, self.out = nn.RNN(12, 16, batch_first=True), nn.LSTM(16, 20, batch_first=True), nn.Linear(20, 3)

    def forward(self, x, h, c):
        y, _ = self.rnn(x)
        y, (h, c) = self.lstm(y, (h, c))
        return self.out(y), h, c


class Modern(nn.Module):
    """ConvNeXt's blocks: depthwise convolutions, norms over channels, layer scales."""

    def __init__(self, width=24):
        super().__init__()
        self.stem, self.norm0 = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width)
        self.deep, self.norms = nn.ModuleList(nn.Conv2d(width, width, 7, padding=3, groups=width) for _ in range(2)), nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.up, self.down = nn.ModuleList(nn.Linear(width, 4 * width) for _ in range(2)), nn.ModuleList(nn.Linear(4 * width, width) for _ in range(2))
        self.scale = nn.Parameter(torch.rand(2, width))
        self.norm, self.out = nn.GroupNorm(4, width), nn.Linear(width, 11)

    def forward(self, x):
        x = self.norm0(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for i in range(2):
            y = self.norms[i](self.deep[i](x).permute(0, 2, 3, 1))
            y = self.down[i](functional.gelu(self.up[i](y))) * self.scale[i]
            x = x + y.permute(0, 3, 1, 2)
        x = self.norm(x)
        return self.out(x.mean([-2, -1])), x


class Windows(nn.Module):
    """Swin's attention within shifted windows, with a bias for each relative position."""

    def __init__(self, width=32, heads=4, side=8, window=4):
        super().__init__()
        self.side, self.window, self.heads = side, window, heads
        self.embed, self.norm1, self.norm2 = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down, self.out = nn.Linear(width, 2 * width), nn.Linear(2 * width, width), nn.Linear(width, 6)
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads))
        grid = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        near = (grid[:, :, None] - grid[:, None]).permute(1, 2, 0) + window - 1
        self.register_buffer("near", near[..., 0] * (2 * window - 1) + near[..., 1])

    def forward(self, image):
        x = self.embed(image).permute(0, 2, 3, 1)
        b, s, w, c = x.size(0), self.side, self.window, x.size(3)
        y = torch.roll(self.norm1(x), (-w // 2, -w // 2), (1, 2))
        y = y.view(b, s // w, w, s // w, w, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, c)
        q, k, v = self.qkv(y).reshape(-1, w * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.table[self.near.flatten()].view(w * w, w * w, self.heads).permute(2, 0, 1)
        y = torch.softmax(q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5 + bias, -1) @ v
        y = self.proj(y.transpose(1, 2).reshape(-1, w * w, c))
        y = y.view(b, s // w, s // w, w, w, c).permute(0, 1, 3, 2, 4, 5).reshape(b, s, s, c)
        x = x + torch.roll(y, (w // 2, w // 2), (1, 2))
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.out(x.mean((1, 2)))


class Heads(nn.Module):
    """One trunk and outputs of several kinds, the chosen classes among them."""

    def __init__(self):
        super().__init__()
        self.trunk, self.a, self.b = nn.Sequential(nn.Linear(30, 80), nn.ELU()), nn.Linear(80, 40), nn.Linear(80, 3)

    def forward(self, x, scale):
        y = self.trunk(x)
        scores = torch.log_softmax(self.a(y), -1)
        top, where = torch.topk(scores, 5)
        return scores, top, where, self.b(y) * scale, scores.argmax(-1), y.norm(dim=-1)


def main():
    out, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed + 1)
    ids = lambda words, *shape: torch.tensor(rng.integers(0, words, shape))
    batch, steps = {0: "batch"}, {0: "batch", 1: "steps"}
    export(out, "torch-blocks", Blocks(), {"ids": ids(200, 3, 7)}, ["logits"], {"ids": batch, "logits": batch}, train=True)
    export(out, "torch-cross-attention", CrossAttention(), {"query": torch.randn(3, 5, 48), "memory": torch.randn(3, 8, 48)}, ["y", "weights"],
           {"query": batch, "memory": batch, "y": batch, "weights": batch}, train=True)
    export(out, "torch-rotary", Rotary(), {"ids": ids(300, 2, 10)}, ["logits"], {"ids": steps, "logits": steps})
    export(out, "torch-unet", UNet(), {"image": torch.randn(2, 3, 32, 24)}, ["mask"], {"image": {0: "batch", 2: "height", 3: "width"}, "mask": {0: "batch", 2: "height", 3: "width"}})
    export(out, "torch-gru", Gated(), {"ids": ids(120, 4, 9)}, ["tags", "state"], {"ids": steps, "tags": steps, "state": {1: "batch"}})
    export(out, "torch-states", Plain(), {"x": torch.randn(3, 6, 12), "h": torch.randn(1, 3, 20), "c": torch.randn(1, 3, 20)}, ["y", "hn", "cn"],
           {"x": steps, "h": {1: "batch"}, "c": {1: "batch"}, "y": steps, "hn": {1: "batch"}, "cn": {1: "batch"}})
    export(out, "torch-convnext", Modern(), {"image": torch.randn(2, 3, 32, 32)}, ["classes", "features"], {"image": batch, "classes": batch, "features": batch})
    export(out, "torch-swin", Windows(), {"image": torch.randn(3, 3, 32, 32)}, ["classes"], {"image": batch, "classes": batch})
    export(out, "torch-heads", Heads(), {"x": torch.randn(6, 30), "scale": torch.rand(6, 3)}, ["scores", "top", "where", "scaled", "class", "norm"],
           {name: batch for name in ("x", "scale", "scores", "top", "where", "scaled", "class", "norm")})
    export(out, "torch-mlp-fixed", Perceptron(), {"x": torch.randn(5, 64)}, ["y"], None)
    export(out, "torch-resnet-fixed", Residual(), {"image": torch.randn(2, 3, 32, 32)}, ["classes"], None)
    mask = torch.ones(2, 6, dtype=torch.int64)
    mask[1, 4:] = 0
    for opset in range(11, 18):
        export(out, f"torch-mlp-{opset}", Perceptron(), {"x": torch.randn(4, 64)}, ["y"], {"x": batch, "y": batch}, opset)
        export(out, f"torch-encoder-{opset}", Encoder(layers=1, width=32, heads=4, words=90), {"ids": ids(90, 2, 6), "mask": mask}, ["hidden", "classes"],
               {"ids": steps, "mask": steps, "hidden": steps, "classes": batch}, opset)
        export(out, f"torch-resnet-{opset}", Residual(), {"image": torch.randn(2, 3, 32, 32)}, ["classes"], {"image": batch, "classes": batch}, opset)


if __name__ == "__main__":
    main()
