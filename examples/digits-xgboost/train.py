"""Train a ten-class digit classifier with XGBoost and write model.json, input.csv and expected.csv beside this file.

The data are the 1797 handwritten digits (8 x 8 pixels, 0 to 16) that scikit-learn ships. A quarter is held out;
input.csv holds the held-out rows, expected.csv what XGBoost itself predicts for them.
"""
import csv
import pathlib

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).resolve().parent
PARAMS = {
    "objective": "multi:softprob", "num_class": 10, "max_depth": 4, "eta": 0.3,
    "subsample": 0.9, "seed": 7, "nthread": 1, "tree_method": "hist",
}


def write_csv(name, columns, rows):
    with open(HERE / name, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(columns)
        w.writerows(rows)


def main():
    digits = load_digits()
    names = list(digits.feature_names)
    x_train, x_test, y_train, y_test = train_test_split(
        digits.data, digits.target, test_size=0.25, random_state=7, stratify=digits.target)
    booster = xgb.train(PARAMS, xgb.DMatrix(x_train, y_train, feature_names=names), num_boost_round=32)
    booster.save_model(HERE / "model.json")

    held_out = xgb.DMatrix(x_test, feature_names=names)
    prediction = booster.predict(held_out)
    margin = booster.predict(held_out, output_margin=True)
    print("accuracy on the held-out rows:", np.mean(prediction.argmax(axis=1) == y_test))

    write_csv("input.csv", names, ([f"{v:g}" for v in row] for row in x_test))
    # str of a NumPy float32 is the shortest text that reads back as the same bits.
    columns = [f"prediction_{k}" for k in range(10)] + [f"margin_{k}" for k in range(10)]
    write_csv("expected.csv", columns, ([str(v) for v in row] for row in np.hstack([prediction, margin])))


if __name__ == "__main__":
    main()
