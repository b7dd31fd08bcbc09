"""Train a regressor with missing values with XGBoost and write model.ubj, input.csv and expected.csv beside this file.

The data are the 442 patients of scikit-learn's diabetes set, in their original units; the target is the progression
of the disease after a year. One value in ten is removed, so that the trees learn a default direction. input.csv holds
all rows, expected.csv what XGBoost itself predicts for them.
"""
import csv
import pathlib

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_diabetes

HERE = pathlib.Path(__file__).resolve().parent
PARAMS = {
    "objective": "reg:squarederror", "max_depth": 5, "eta": 0.08, "subsample": 0.8,
    "colsample_bytree": 0.8, "seed": 11, "nthread": 1, "tree_method": "hist",
}


def write_csv(name, columns, rows):
    with open(HERE / name, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(columns)
        w.writerows(rows)


def main():
    data = load_diabetes(scaled=False)
    names = list(data.feature_names)
    x = data.data.copy()
    x[np.random.default_rng(11).random(x.shape) < 0.1] = np.nan
    matrix = xgb.DMatrix(x, data.target, feature_names=names)
    booster = xgb.train(PARAMS, matrix, num_boost_round=150)
    booster.save_model(HERE / "model.ubj")

    prediction = booster.predict(matrix)
    margin = booster.predict(matrix, output_margin=True)
    print("root mean square error on the training rows:", np.sqrt(np.mean((prediction - data.target) ** 2)))

    # An empty field is a missing value; repr of a float is the shortest text that reads back as the same number.
    write_csv("input.csv", names, (["" if np.isnan(v) else repr(float(v)) for v in row] for row in x))
    write_csv("expected.csv", ["prediction", "margin"], ([str(p), str(m)] for p, m in zip(prediction, margin)))


if __name__ == "__main__":
    main()
