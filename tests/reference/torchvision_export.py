"""Export torchvision's own networks with random weights, for torch_cases.py to finish.

usage: python3 torchvision_export.py OUT [SEED]

Needs torchvision (Debian's python3-torchvision). run.sh calls it when SHARDWISE_LONG=1.
"""
import pathlib
import sys

import torch
import torchvision

from torch_export import export


def main():
    out, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    torch.manual_seed(seed)
    for name in ("resnet18", "mobilenet_v2", "squeezenet1_1", "densenet121", "efficientnet_b0", "convnext_tiny"):
        module = getattr(torchvision.models, name)(weights=None)
        for m in module.modules():
            if isinstance(m, torch.nn.BatchNorm2d):  # as after training, so that folding them shows
                torch.nn.init.uniform_(m.running_mean, -0.2, 0.2)
                torch.nn.init.uniform_(m.running_var, 0.8, 1.2)
        export(out, f"torch-vision-{name.replace('_', '-')}", module, {"image": torch.randn(2, 3, 64, 64)}, ["classes"],
               {"image": {0: "batch"}, "classes": {0: "batch"}})


if __name__ == "__main__":
    main()
