"""Train a DART classifier with categorical features with XGBoost and write model.json, input.csv and expected.csv
beside this file.

The data are 944 respondents of the American National Election Study of 1996 (public domain), as statsmodels ships
them; the target is the expected vote. Party identification, schooling and income bracket are categorical: the first is
split one category against the rest, the other two by sets of categories. input.csv holds all rows, expected.csv what
XGBoost itself predicts for them.
"""
import csv
import pathlib

import numpy as np
import statsmodels.api as sm
import xgboost as xgb

HERE = pathlib.Path(__file__).resolve().parent
CATEGORICAL = {"PID", "educ", "income"}
PARAMS = {
    "booster": "dart", "rate_drop": 0.15, "skip_drop": 0.3, "sample_type": "weighted", "normalize_type": "forest",
    "objective": "binary:logistic", "max_depth": 4, "eta": 0.2, "subsample": 0.9, "max_cat_to_onehot": 8,
    "seed": 13, "nthread": 1, "tree_method": "hist",
}


def write_csv(name, columns, rows):
    with open(HERE / name, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(columns)
        w.writerows(rows)


def main():
    frame = sm.datasets.anes96.load_pandas().data
    names = ["popul", "TVnews", "selfLR", "ClinLR", "DoleLR", "PID", "age", "educ", "income"]
    x, y = frame[names].to_numpy(), frame["vote"].to_numpy()
    # The set marks no value as missing; hide a few of each column, so that categories are missing too.
    x = np.where(np.random.default_rng(13).random(x.shape) < 0.04, np.nan, x)
    matrix = xgb.DMatrix(x, y, feature_names=names, enable_categorical=True,
                         feature_types=["c" if n in CATEGORICAL else "q" for n in names])
    booster = xgb.train(PARAMS, matrix, num_boost_round=96)
    booster.save_model(HERE / "model.json")

    prediction = booster.predict(matrix)
    margin = booster.predict(matrix, output_margin=True)
    print("accuracy on the training rows:", np.mean((prediction > 0.5) == y))

    # An empty field is a missing value.
    write_csv("input.csv", names, (["" if np.isnan(v) else f"{v:g}" for v in row] for row in x))
    write_csv("expected.csv", ["prediction", "margin"], ([str(p), str(m)] for p, m in zip(prediction, margin)))


if __name__ == "__main__":
    main()
