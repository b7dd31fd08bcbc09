"""Train ensembles with scikit-learn, save their members as ONNX or as XGBoost JSON, and write them as parity cases with scikit-learn's own answers.

usage: python ensemble_models.py OUT [SEED]

VotingClassifier (soft and hard), VotingRegressor, StackingRegressor and StackingClassifier, over members of both formats. A case's model is the
description ensemble.json beside the members' files.
"""
import json
import sys
import warnings

import numpy as np
import sklearn
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn import ensemble, linear_model, naive_bayes, tree
from xgboost import XGBClassifier, XGBRegressor

from case_files import Writer

ROWS, COLUMNS = 37, 6
warnings.filterwarnings("ignore")


class Cases:
    def __init__(self, out, seed):
        self.writer = Writer(out, "scikit-learn", sklearn.__version__, seed)
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((300, COLUMNS)).astype(np.float32)
        self.signal = (self.x[:, :3].sum(axis=1) + self.x[:, 3] * self.x[:, 4] + 0.3 * rng.standard_normal(300)).astype(np.float32)
        self.three = np.digitize(self.signal, [-1, 1])
        self.two = (self.signal > 0.3).astype(int)
        self.fresh = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)

    def save(self, path, name, model, width=COLUMNS, **member):
        """Saves a trained model and returns its entry in the description."""
        if isinstance(model, (XGBClassifier, XGBRegressor)):
            file = name + ".json"
            model.get_booster().save_model(path / file)
        else:
            file = name + ".onnx"
            options = {"zipmap": False} if hasattr(model, "predict_proba") else None
            onx = to_onnx(model, initial_types=[("x", FloatTensorType([None, width]))], options=options, target_opset={"": 17, "ai.onnx.ml": 3})
            (path / file).write_bytes(onx.SerializeToString())
        return dict(member, model=file)

    def finish(self, name, path, description, outputs, keep=slice(None)):
        description = dict({"format": "shardwise-ensemble/1"}, **description)
        (path / "ensemble.json").write_text(json.dumps(description, indent=1) + "\n")
        feature = "features" if description["members"][0]["model"].endswith(".json") else "x"
        self.writer.finish(name, "ensemble", "ensemble.json", {feature: self.fresh[keep]}, {k: np.asarray(v)[keep] for k, v in outputs.items()}, members=len(description["members"]))

    def members(self, path, fitted, each):
        return [self.save(path, f"member{i}", m, **each[i]) for i, m in enumerate(fitted)]

    def votes(self):
        def classifiers(seed):
            return [("line", linear_model.LogisticRegression(max_iter=500)), ("boost", XGBClassifier(n_estimators=5, max_depth=3, random_state=seed)),
                    ("bayes", naive_bayes.GaussianNB())]
        probabilities = [{"output": "probabilities"}, {}, {"output": "probabilities"}]
        for name, target, weights, voting in (("soft", self.three, [2, 1, 3.5], "soft"), ("soft-even", self.three, None, "soft"), ("hard", self.three, None, "hard"),
                                              ("hard-weights", self.three, [1, 1, 2.5], "hard"), ("hard-two", self.two, [1, 1.5, 1], "hard")):
            model = ensemble.VotingClassifier(classifiers(1), voting=voting, weights=weights).fit(self.x, target)
            path = self.writer.directory("ensemble-" + name)
            each = [dict(p) for p in (probabilities if voting == "soft" else [{}, {}, {}])]
            for e, w in zip(each, weights or []):
                e["weight"] = w
            described = {"members": self.members(path, model.estimators_, each), "combine": "vote" if voting == "hard" else "weighted_mean" if weights else "mean"}
            answer = model.predict(self.fresh).astype(np.int64) if voting == "hard" else model.predict_proba(self.fresh).astype(np.float32)
            self.finish("ensemble-" + name, path, described, {"prediction": answer})

    def labels(self):
        """Classes that are no indices, which each member knows by itself."""
        known = np.array([-1, 7, 40], np.int64)
        fitted = [linear_model.LogisticRegression(max_iter=500).fit(self.x, known[self.three]), tree.DecisionTreeClassifier(max_depth=4, random_state=2).fit(self.x, known[self.three]),
                  XGBClassifier(n_estimators=4, max_depth=2).fit(self.x, self.three)]
        path = self.writer.directory("ensemble-labels")
        ballots = np.stack([np.searchsorted(known, fitted[0].predict(self.fresh)), np.searchsorted(known, fitted[1].predict(self.fresh)), fitted[2].predict(self.fresh)])
        winners = np.array([np.bincount(row, minlength=3).argmax() for row in ballots.T])
        self.finish("ensemble-labels", path, {"members": self.members(path, fitted, [{}, {}, {}]), "combine": "vote", "labels": known.tolist()}, {"prediction": known[winners]})

    def regressors(self):
        members = [("boost", XGBRegressor(n_estimators=6, max_depth=3)), ("line", linear_model.LinearRegression()), ("tree", tree.DecisionTreeRegressor(max_depth=4, random_state=3))]
        for name, weights in (("mean", None), ("weighted-mean", [0.5, 2, 1])):
            model = ensemble.VotingRegressor(members, weights=weights).fit(self.x, self.signal)
            path = self.writer.directory("ensemble-" + name)
            each = [{"weight": w} for w in weights] if weights else [{}, {}, {}]
            described = {"members": self.members(path, model.estimators_, each), "combine": "weighted_mean" if weights else "mean"}
            self.finish("ensemble-" + name, path, described, {"prediction": model.predict(self.fresh).astype(np.float32)})

    def stacks(self):
        regressors = [("line", linear_model.LinearRegression()), ("boost", XGBRegressor(n_estimators=6, max_depth=3)), ("tree", tree.DecisionTreeRegressor(max_depth=4, random_state=3))]
        for name, final, through in (("stack", linear_model.Ridge(), False), ("stack-through", linear_model.Ridge(), True), ("stack-boost", XGBRegressor(n_estimators=5, max_depth=2), False)):
            model = ensemble.StackingRegressor(regressors, final, passthrough=through).fit(self.x, self.signal)
            path = self.writer.directory("ensemble-" + name)
            second = self.save(path, "second", model.final_estimator_, width=3 + through * COLUMNS)
            described = {"members": self.members(path, model.estimators_, [{}, {}, {}]), "combine": "stack", "final": second, "passthrough": through}
            keep, output = slice(None), "variable"
            if name == "stack-boost":
                output = "prediction"
                stacked = model.transform(self.fresh)
                moved = [model.final_estimator_.predict(stacked + d) for d in (0, 1e-5, -1e-5)]
                keep = (moved[0] == moved[1]) & (moved[0] == moved[2])  # a row beside a threshold may fall to its other side in single precision
            answer = model.predict(self.fresh).astype(np.float32)
            self.finish("ensemble-" + name, path, described, {output: answer if output == "prediction" else answer[:, None]}, keep)
        classifiers = [("line", linear_model.LogisticRegression(max_iter=500)), ("boost", XGBClassifier(n_estimators=5, max_depth=3)), ("bayes", naive_bayes.GaussianNB())]
        for name, target in (("three", self.three), ("two", self.two)):
            model = ensemble.StackingClassifier(classifiers, linear_model.LogisticRegression(max_iter=500), passthrough=name == "three").fit(self.x, target)
            path = self.writer.directory("ensemble-stack-" + name)
            second = self.save(path, "second", model.final_estimator_, width=9 + COLUMNS if name == "three" else 3)
            each = [{"output": "probabilities"}, {}, {"output": "probabilities"}]
            if name == "two":  # of two classes the second one's probability counts
                each = [{"output": "probabilities", "columns": [1]}, {}, {"output": "probabilities", "columns": [1]}]
            described = {"members": self.members(path, model.estimators_, each), "combine": "stack", "final": second, "passthrough": name == "three"}
            self.finish("ensemble-stack-" + name, path, described, {"probabilities": model.predict_proba(self.fresh).astype(np.float32), "label": model.predict(self.fresh).astype(np.int64)})


def main():
    cases = Cases(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20261)
    cases.votes()
    cases.labels()
    cases.regressors()
    cases.stacks()


main()
