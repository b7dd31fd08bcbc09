"""Mixtures of experts for torch_cases.py: the forms in which exporters write them out.

usage: python3 torch_experts.py OUT [SEED]

Rows that are picked out, computed and added back, as Mixtral's and Switch's blocks do, and sums over all experts, with weights from
TopK, from masks and from a plain softmax. But for Mixtral's the experts are too large for a coordinator to keep.
"""
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional

from torch_export import export


class SwiGLU(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.w1, self.w2, self.w3 = nn.Linear(width, inner, bias=False), nn.Linear(inner, width, bias=False), nn.Linear(width, inner, bias=False)

    def forward(self, x):
        return self.w2(functional.silu(self.w1(x)) * self.w3(x))


class Network(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        return self.down(functional.gelu(self.up(x)))


class MixtralBlock(nn.Module):
    """Mixtral's sparse block, as the transformers library has it."""

    def __init__(self, width, inner, experts, top):
        super().__init__()
        self.count, self.top, self.gate = experts, top, nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(SwiGLU(width, inner) for _ in range(experts))

    def forward(self, hidden):
        b, t, d = hidden.shape
        x = hidden.view(-1, d)
        weights, chosen = torch.topk(torch.softmax(self.gate(x).float(), dim=-1), self.top, dim=-1)
        weights = (weights / weights.sum(dim=-1, keepdim=True)).to(x.dtype)
        y = torch.zeros((b * t, d), dtype=x.dtype, device=x.device)
        mask = functional.one_hot(chosen, num_classes=self.count).permute(2, 1, 0)
        for e in range(self.count):
            slot, row = torch.where(mask[e])
            part = x[None, row].reshape(-1, d)
            y.index_add_(0, row, self.experts[e](part) * weights[row, slot, None])
        return y.reshape(b, t, d)


class Mixtral(nn.Module):
    """Words, two blocks with norms and residuals, a head."""

    def __init__(self, words=90, width=24, inner=40, experts=8, top=2):
        super().__init__()
        self.words, self.head = nn.Embedding(words, width), nn.Linear(width, words, bias=False)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.blocks = nn.ModuleList(MixtralBlock(width, inner, experts, top) for _ in range(2))

    def forward(self, ids):
        x = self.words(ids)
        for norm, block in zip(self.norms, self.blocks):
            x = x + block(norm(x))
        return self.head(x)


class Switch(nn.Module):
    """Switch's layer: one expert a row, whose result is scaled by its probability."""

    def __init__(self, width=20, inner=1400, experts=5):
        super().__init__()
        self.count, self.router = experts, nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(Network(width, inner) for _ in range(experts))

    def forward(self, x):
        probabilities = torch.softmax(self.router(x), dim=-1)
        best, chosen = probabilities.max(-1)
        y = torch.zeros_like(x)
        for e in range(self.count):
            rows = torch.where(chosen == e)[0]
            y[rows] = self.experts[e](x[rows])
        return best.unsqueeze(-1) * y


class Gated(nn.Module):
    """A router and networks; forms below differ in how they come together."""

    def __init__(self, width=20, inner=1200, experts=6, top=2):
        super().__init__()
        self.count, self.top, self.gate = experts, top, nn.Linear(width, experts)
        self.experts = nn.ModuleList(Network(width, inner) for _ in range(experts))

    def dense(self, x):
        scores = self.gate(x)
        best, chosen = scores.topk(self.top, -1)
        return torch.zeros_like(scores).scatter(-1, chosen, torch.softmax(best, -1))


class Stacked(Gated):
    """All experts side by side, times the weights of the two best, added up."""

    def forward(self, x):
        return (self.dense(x).unsqueeze(-1) * torch.stack([f(x) for f in self.experts], -2)).sum(-2)


class Soft(Gated):
    """Every expert counts, and so does a network that all rows share."""

    def __init__(self):
        super().__init__()
        self.shared = Network(20, 16)

    def forward(self, x):
        weights = torch.softmax(self.gate(x), -1)
        y = self.shared(x)
        for e, f in enumerate(self.experts):
            y = y + weights[..., e:e + 1] * f(x)
        return y


class Masked(Gated):
    """Weights by comparing the chosen numbers with each expert's."""

    def forward(self, x):
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), self.top)
        y = torch.zeros_like(x)
        for e, f in enumerate(self.experts):
            y = y + (weights * (chosen == e)).sum(-1, keepdim=True) * f(x)
        return y


class Ties(Masked):
    """Experts in pairs of equal scores, of which the best three are taken: the lower number of a pair goes first."""

    def __init__(self):
        super().__init__(top=3)
        with torch.no_grad():
            self.gate.weight[1::2], self.gate.bias[1::2] = self.gate.weight[::2].clone(), self.gate.bias[::2].clone()


class Picked(Gated):
    """Rows are picked by number, computed, and written back with what was there."""

    def forward(self, x):
        weights, chosen = torch.topk(torch.softmax(self.gate(x), -1), self.top)
        y = torch.zeros_like(x)
        for e, f in enumerate(self.experts):
            row, slot = torch.where(chosen == e)
            y[row] += weights[row, slot, None] * f(x[row])
        return y


class Threshold(Gated):
    """Each row takes every expert whose probability is large enough: none, one, or several."""

    def forward(self, x):
        probabilities = torch.softmax(self.gate(x), -1)
        y = torch.zeros_like(x)
        for e, f in enumerate(self.experts):
            row = torch.where(probabilities[:, e] > 0.2)[0]
            y[row] += probabilities[row, e, None] * f(x[row])
        return y


class Batched(nn.Module):
    """All experts' matrices in one tensor each."""

    def __init__(self, width=20, inner=28, experts=6, top=2):
        super().__init__()
        self.top, self.gate = top, nn.Linear(width, experts)
        self.w1, self.w2 = nn.Parameter(torch.randn(experts, width, inner) / 5), nn.Parameter(torch.randn(experts, inner, width) / 5)

    def forward(self, x):
        scores = self.gate(x)
        best, chosen = scores.topk(self.top, -1)
        weights = torch.zeros_like(scores).scatter(-1, chosen, torch.softmax(best, -1))
        y = torch.einsum("teh,ehd->ted", functional.relu(torch.einsum("td,edh->teh", x, self.w1)), self.w2)
        return torch.einsum("te,ted->td", weights, y)


def rows_for(gate, width=20, each=4):
    """Rows of which some have each expert as their best, so that every shard is asked."""
    x = torch.randn(4000, width)
    with torch.no_grad():
        best = gate(x).argmax(-1)
    picked = torch.cat([torch.where(best == e)[0][:each] for e in best.unique()])
    return x[picked[torch.randperm(len(picked))]]


def main():
    out, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    torch.manual_seed(seed)
    batch, steps = {0: "batch"}, {0: "batch", 1: "steps"}
    export(out, "torch-mixtral", Mixtral(), {"ids": torch.randint(0, 90, (3, 7))}, ["logits"], {"ids": steps, "logits": steps}, 16)
    for name, module in (("switch", Switch()), ("stacked", Stacked()), ("soft", Soft()), ("masked", Masked()), ("picked", Picked()), ("threshold", Threshold()), ("ties", Ties()), ("batched", Batched())):
        gate = module.router if name == "switch" else module.gate
        export(out, f"torch-experts-{name}", module, {"x": rows_for(gate)}, ["y"], {"x": batch, "y": batch}, 16)


if __name__ == "__main__":
    main()
