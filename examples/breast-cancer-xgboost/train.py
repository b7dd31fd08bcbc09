"""Train a binary classifier, a boosted random forest, with XGBoost and write model.json, input.csv and expected.csv
beside this file.

The data are the 569 tumours of scikit-learn's breast cancer set (30 measurements each); the target is benign or
malignant. Every boosting round grows four trees. A quarter is held out; input.csv holds the held-out rows,
expected.csv what XGBoost itself predicts for them.
"""
import csv
import pathlib

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).resolve().parent
PARAMS = {
    "objective": "binary:logistic", "num_parallel_tree": 4, "max_depth": 3, "eta": 0.2, "subsample": 0.7,
    "colsample_bynode": 0.6, "seed": 17, "nthread": 1, "tree_method": "hist",
}


def write_csv(name, columns, rows):
    with open(HERE / name, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(columns)
        w.writerows(rows)


def main():
    data = load_breast_cancer()
    names = [str(n) for n in data.feature_names]
    x_train, x_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=0.25, random_state=17, stratify=data.target)
    booster = xgb.train(PARAMS, xgb.DMatrix(x_train, y_train, feature_names=names), num_boost_round=40)
    booster.save_model(HERE / "model.json")

    held_out = xgb.DMatrix(x_test, feature_names=names)
    prediction = booster.predict(held_out)
    margin = booster.predict(held_out, output_margin=True)
    print("accuracy on the held-out rows:", np.mean((prediction > 0.5) == y_test))

    # repr of a float is the shortest text that reads back as the same number; str of a float32 likewise.
    write_csv("input.csv", names, ([repr(float(v)) for v in row] for row in x_test))
    write_csv("expected.csv", ["prediction", "margin"], ([str(p), str(m)] for p, m in zip(prediction, margin)))


if __name__ == "__main__":
    main()
