"""Train fresh XGBoost models with the version that is installed and write them as parity cases.

usage: python xgboost_models.py OUT [SEED]

A case holds the model as the library saved it, the rows to predict and the library's own prediction (what
Booster.predict returns by default), margin (output_margin=True) and leaf (pred_leaf=True), all computed after loading
the saved file again. Cases that a version cannot train are left out by version, never by catching its errors.
"""
import itertools
import sys

import numpy as np
import xgboost as xgb

from case_files import Writer
from xgboost_data import Data

VERSION = tuple(int(p) for p in xgb.__version__.split(".")[:3])
# The oldest, the newest and one version between run every case, the others only what depends on the file's layout.
FULL = VERSION < (1, 4) or (1, 7) <= VERSION < (2,) or VERSION >= (3, 4)
QUIET = {"nthread": 1, "verbosity": 0}


class Cases:
    def __init__(self, out, seed):
        self.seed = seed
        self.writer = Writer(out, "xgboost", xgb.__version__, seed)
        self.formats = itertools.cycle(["json", "ubj"] if VERSION >= (1, 6) else ["json"])

    def data(self, **kw):
        self.seed += 1
        return Data(self.seed, **kw)

    def add(self, name, params, data, label, rounds=12, types=None, group=None, bounds=None, edit=None, both=False):
        """Trains one model and writes it: as JSON or UBJSON by turns, or as both."""
        kw = {} if types is None else {"feature_types": types, "enable_categorical": True}
        train = xgb.DMatrix(data.x, label=label, **kw)
        if group is not None:
            train.set_group(group)
        if bounds is not None:
            train.set_float_info("label_lower_bound", bounds[0])
            train.set_float_info("label_upper_bound", bounds[1])
        booster = xgb.train(dict(QUIET, seed=self.seed, **params), train, num_boost_round=rounds)
        if edit is not None:
            booster = edit(booster)
        formats = ["json", "ubj"] if both and VERSION >= (1, 6) else [next(self.formats)]
        for fmt in formats:
            self.save(f"xgboost-{xgb.__version__}-{name}-{fmt}", f"model.{fmt}", booster, params, data, kw)

    def save(self, name, file, booster, params, data, kw):
        path = self.writer.directory(name) / file
        booster.save_model(str(path))
        loaded = xgb.Booster(dict(QUIET), model_file=str(path))
        test = xgb.DMatrix(data.test, **kw)
        leaf = loaded.predict(test, pred_leaf=True).reshape(len(data.test), -1)
        outputs = {
            "prediction": loaded.predict(test).astype(np.float32),
            "margin": loaded.predict(test, output_margin=True).astype(np.float32),
            "leaf": leaf.astype(np.int32),
        }
        if not np.array_equal(outputs["leaf"].astype(np.float64), leaf.astype(np.float64)):
            raise ValueError(f"{name}: leaf indices that are no int32")
        self.writer.finish(name, "xgboost", file, {"features": data.test}, outputs,
                           objective=params["objective"], trees=leaf.shape[1])

    def objectives(self):
        """Every objective with a transform or a base score of its own."""
        d = self.data()
        self.add("squarederror", {"objective": "reg:squarederror"}, d, d.regression, both=True)
        self.add("logistic", {"objective": "binary:logistic", "max_depth": 4}, d, d.binary, both=True)
        self.add("softprob", {"objective": "multi:softprob", "num_class": 4, "max_depth": 4}, d, d.classes, both=True)
        self.add("softmax", {"objective": "multi:softmax", "num_class": 4, "max_depth": 3}, d, d.classes)
        self.add("poisson", {"objective": "count:poisson"}, d, d.counts)
        if not FULL:
            return
        self.add("reg-logistic", {"objective": "reg:logistic"}, d, d.unit)
        self.add("logitraw", {"objective": "binary:logitraw"}, d, d.binary)
        self.add("hinge", {"objective": "binary:hinge"}, d, d.binary)
        self.add("gamma", {"objective": "reg:gamma"}, d, d.positive)
        self.add("tweedie", {"objective": "reg:tweedie", "tweedie_variance_power": 1.3}, d, d.counts)
        self.add("squaredlog", {"objective": "reg:squaredlogerror"}, d, d.positive)
        self.add("pseudohuber", {"objective": "reg:pseudohubererror"}, d, d.signal)
        self.add("cox", {"objective": "survival:cox", "max_depth": 3}, d, d.positive)
        self.add("aft", {"objective": "survival:aft", "max_depth": 3}, d, None,
                 bounds=(d.positive, np.where(d.binary > 0, d.positive, np.inf)))
        for kind in ("pairwise", "ndcg", "map"):
            label = d.binary if kind == "map" else d.relevance
            self.add(f"rank-{kind}", {"objective": f"rank:{kind}", "max_depth": 3}, d, label, group=d.groups)
        if VERSION >= (1, 7):
            self.add("absolute", {"objective": "reg:absoluteerror"}, d, d.regression)

    def quantiles(self):
        """Several quantiles in one model, so close that they cross: newer versions put each row's into order."""
        d = self.data(missing=0.1)
        self.add("quantile", {"objective": "reg:quantileerror", "quantile_alpha": [0.4, 0.45, 0.5, 0.9], "max_depth": 4},
                 d, d.regression, both=True)

    def base_scores(self):
        """Base scores that are given, not estimated, where they pass through a logarithm and where they do not."""
        d = self.data()
        self.add("base-squared", {"objective": "reg:squarederror", "base_score": 127.3, "tree_method": "exact"}, d, d.regression)
        self.add("base-logistic", {"objective": "binary:logistic", "base_score": 0.6274165}, d, d.binary)
        self.add("base-poisson", {"objective": "count:poisson", "base_score": 1.7}, d, d.counts)
        self.add("base-softprob", {"objective": "multi:softprob", "num_class": 4, "base_score": 0.31}, d, d.classes)

    def missing(self):
        d = self.data(missing=0.35)
        self.add("missing", {"objective": "reg:squarederror", "tree_method": "hist"}, d, d.regression, rounds=70)
        self.add("missing-softprob", {"objective": "multi:softprob", "num_class": 4}, d, d.classes, rounds=17)

    def shapes(self):
        """Trees of unusual shape: deep, constant, pruned, grown by leaves; few features used of many."""
        d = self.data(missing=0.05)
        self.add("deep", {"objective": "reg:squarederror", "max_depth": 24, "min_child_weight": 0, "eta": 0.7, "lambda": 0},
                 d, d.regression, rounds=9)
        self.add("constant", {"objective": "reg:squarederror", "gamma": 1e12, "base_score": 3}, d, d.regression, rounds=10)
        self.add("pruned", {"objective": "reg:squarederror", "tree_method": "exact", "gamma": 200}, d, d.regression)
        self.add("stumps", {"objective": "binary:logistic", "max_depth": 1, "eta": 0.1}, d, d.binary, rounds=300)
        self.add("by-leaves", {"objective": "reg:squarederror", "tree_method": "hist", "grow_policy": "lossguide",
                               "max_leaves": 40, "max_depth": 0}, d, d.regression)
        wide = self.data(features=400)
        self.add("wide", {"objective": "reg:squarederror", "max_depth": 3}, wide, wide.regression, rounds=8)
        self.add("one-tree", {"objective": "reg:squarederror"}, d, d.regression, rounds=1)

    def forests(self):
        d = self.data(missing=0.1)
        forest = {"subsample": 0.6, "colsample_bynode": 0.6, "max_depth": 4}
        self.add("forest", dict(forest, objective="reg:squarederror", num_parallel_tree=66, eta=1), d, d.regression, rounds=1)
        self.add("forest-softprob", dict(forest, objective="multi:softprob", num_class=4, num_parallel_tree=3),
                 d, d.classes, rounds=6)

    def dart(self):
        d = self.data(missing=0.1)
        dart = {"booster": "dart", "rate_drop": 0.3, "skip_drop": 0.2, "max_depth": 4}
        self.add("dart", dict(dart, objective="reg:squarederror", normalize_type="forest"), d, d.regression, rounds=30, both=True)
        self.add("dart-softprob", dict(dart, objective="multi:softprob", num_class=4, one_drop=1, num_parallel_tree=2),
                 d, d.classes, rounds=9)

    def categories(self):
        for name, onehot in (("one-hot", 100), ("partition", 2)):
            d = self.data(missing=0.1)
            types = d.categorical()
            params = {"tree_method": "hist", "max_cat_to_onehot": onehot, "max_depth": 5}
            self.add(f"{name}", dict(params, objective="reg:squarederror"), d, d.regression, types=types, rounds=20, both=True)
            self.add(f"{name}-dart", dict(params, objective="binary:logistic", booster="dart", rate_drop=0.4),
                     d, d.binary, types=types, rounds=12)

    def multi_output(self):
        d = self.data(missing=0.1)
        self.add("multi-output", {"objective": "reg:squarederror", "tree_method": "hist", "max_depth": 4}, d, d.multi)
        if VERSION >= (2, 0):
            self.add("vector-leaf", {"objective": "reg:squarederror", "tree_method": "hist", "max_depth": 4,
                                     "multi_strategy": "multi_output_tree"}, d, d.multi, both=True)

    def boosters(self):
        """What happens to a booster after training: slices, attributes."""
        d = self.data()
        if VERSION >= (1, 4):
            self.add("slice", {"objective": "multi:softprob", "num_class": 4, "num_parallel_tree": 2, "max_depth": 3},
                     d, d.classes, rounds=10, edit=lambda b: b[2:8])

        def stopped(booster):
            booster.set_attr(best_iteration="3", best_score="0.1")
            return booster
        self.add("early-stopped", {"objective": "reg:squarederror"}, d, d.regression, edit=stopped)

    def all(self):
        self.objectives()
        self.base_scores()
        self.missing()
        self.forests()
        if VERSION >= (1, 4):
            # 1.3 adds the base score of a DART model after its trees. Every later version adds it first, also for a
            # model that 1.3 wrote, and so does Shardwise.
            self.dart()
        if VERSION >= (1, 6):
            self.categories()
            self.multi_output()
        if VERSION >= (2, 0):
            self.quantiles()
        if FULL:
            self.shapes()
            self.boosters()


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    cases = Cases(sys.argv[1], seed * 1000)
    cases.all()
    print(f"xgboost {xgb.__version__}: {len(cases.writer.names)} cases, seed {seed}")


if __name__ == "__main__":
    main()
