"""Trains the small models of this directory with one version of XGBoost.

usage: python generate.py OUTDIR        (in an environment with that version of xgboost, and numpy)

Each case is a model file NAME.json or NAME.ubj and NAME.expect, JSON with the rows (null is a missing value) and the
library's own margins, predictions and leaf indices. The files here were made with versions 1.3.3, 1.7.6, 2.0.3,
3.0.5, 3.2.0, 3.3.0 and 3.4.1; a name begins with the version that made it.
"""
import json
import pathlib
import sys

import numpy as np
import xgboost as xgb

out = pathlib.Path(sys.argv[1])
version = tuple(int(v) for v in xgb.__version__.split(".")[:2])
rng = np.random.default_rng(11)
x = rng.normal(size=(300, 5)).astype(np.float32)
x[:, 3] = rng.integers(0, 40, size=300)
x[:, 4] = rng.integers(0, 5, size=300)
x[rng.random(x.shape) < 0.1] = np.nan
y = np.nan_to_num(x[:, 0] * 2 + np.sin(3 * x[:, 1])) + (np.nan_to_num(x[:, 3]) % 3) + rng.normal(size=300) * 0.1
number = lambda a: [None if np.isnan(v) else float(str(v)) for v in np.asarray(a, np.float32).ravel()]


def case(name, params, label, rounds=4, file="json", types=None):
    data = xgb.DMatrix(x, label, feature_types=types, enable_categorical=bool(types)) if types else xgb.DMatrix(x, label)
    booster = xgb.train(dict({"max_depth": 3, "eta": 0.4, "seed": 3}, **params), data, rounds)
    path = out / f"{xgb.__version__}-{name}.{file}"
    booster.save_model(path)
    rows = x[:12].copy()
    rows[0] = np.nan
    rows[1, 3:] = [39.7, 4.2]
    rows[2, 3:] = [-1, 16777216]
    rows[3, 3:] = [1000, 77]
    test = xgb.DMatrix(rows, feature_types=types, enable_categorical=True) if types else xgb.DMatrix(rows)
    booster = xgb.Booster(model_file=str(path))
    leaf = booster.predict(test, pred_leaf=True).astype(np.int32)
    path.with_suffix(".expect").write_text(json.dumps({
        "rows": [number(r) for r in rows], "margin": number(booster.predict(test, output_margin=True)),
        "prediction": number(booster.predict(test)), "leaf": [int(v) for v in leaf.ravel()]}) + "\n")


squared, logistic = {"objective": "reg:squarederror"}, {"objective": "binary:logistic"}
classes = np.clip(y, 0, 2.9).astype(int)
kinds = ["q", "q", "q", "c", "c"]
binary = "ubj" if version >= (1, 6) else "json"
case("logistic", dict(logistic, base_score=0.6274165), y > 1)
case("softprob", {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2, "subsample": 0.6, "max_depth": 2}, classes, 2, binary)
if version <= (1, 3) or version >= (3, 3):
    case("poisson", {"objective": "count:poisson"}, np.maximum(y, 0))
if version >= (1, 7):
    case("dart", dict(squared, booster="dart", rate_drop=0.5, one_drop=1, max_depth=2), y, 6, binary)
    case("one-hot", dict(logistic, tree_method="hist", max_cat_to_onehot=100), y > 1, types=kinds)
    case("partition", dict(squared, tree_method="hist", max_cat_to_onehot=1, booster="dart", rate_drop=0.5), y, file="ubj", types=kinds)
    case("multi-output", dict(squared, tree_method="hist", max_depth=2), np.stack([y, -y], 1), 3, "ubj")
if version >= (2, 0):
    for file in ("json", "ubj"):
        case("vector-leaf-" + file, dict(squared, tree_method="hist", multi_strategy="multi_output_tree"), np.stack([y, 2 * y, -y], 1), 3, file)
    case("quantile", {"objective": "reg:quantileerror", "quantile_alpha": [0.45, 0.5, 0.55], "tree_method": "hist"}, y, 3)
if version >= (3, 3):
    case("expectile", {"objective": "reg:expectileerror", "expectile_alpha": [0.2, 0.5, 0.8]}, y, 3)
