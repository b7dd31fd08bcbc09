"""Train models with scikit-learn, XGBoost and LightGBM, convert them to ONNX, and write them as parity cases with ONNX
Runtime's outputs.

usage: python sklearn_models.py OUT [SEED]

Inputs of several types, strings among them, and missing values are included. The converters are skl2onnx and onnxmltools.
"""
import sys
import warnings

import numpy as np
import onnxruntime as ort
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes, calculate_linear_regressor_output_shapes
from sklearn import (cluster, compose, decomposition, ensemble, impute, linear_model, multiclass, naive_bayes, neighbors, neural_network,
                     pipeline, preprocessing, svm, tree)
from xgboost import XGBClassifier, XGBRegressor

import ml_nodes
from case_files import Writer

ROWS, COLUMNS = 41, 12


def register():
    for kind, convert, shapes, options in (
            (XGBClassifier, convert_xgboost, calculate_linear_classifier_output_shapes, {"zipmap": [True, False, "columns"], "nocl": [True, False]}),
            (XGBRegressor, convert_xgboost, calculate_linear_regressor_output_shapes, None),
            (LGBMClassifier, convert_lightgbm, calculate_linear_classifier_output_shapes, {"zipmap": [True, False, "columns"], "nocl": [True, False]}),
            (LGBMRegressor, convert_lightgbm, calculate_linear_regressor_output_shapes, {"split": None})):
        update_registered_converter(kind, kind.__module__ + kind.__name__, shapes, convert, options=options)


class Cases:
    def __init__(self, out, seed):
        self.writer = Writer(out, "onnxruntime", ort.__version__, seed)
        self.rng = np.random.default_rng(seed)
        self.x = self.rng.standard_normal((400, COLUMNS)).astype(np.float32)
        self.signal = (self.x[:, :3].sum(axis=1) + self.x[:, 3] * self.x[:, 4]).astype(np.float32)
        self.three = np.digitize(self.signal, [-1, 1])
        self.two = (self.signal > 0.3).astype(int)
        self.words = np.array(["low", "middle", "high"])[self.three]
        self.several = np.stack([self.signal, self.signal ** 2, np.sin(self.signal)], axis=1)
        self.fresh = self.rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)

    def save(self, name, model, types, inputs, options=None, opset=17):
        """Converts a trained model and writes the case."""
        ml = {"": opset, "ai.onnx.ml": 3}
        onx = to_onnx(model, initial_types=types, options=options, target_opset=ml)
        self.store(name, onx, inputs)

    def store(self, name, onx, inputs):
        name = f"sklearn-{name}"
        path = self.writer.directory(name) / "model.onnx"
        path.write_bytes(onx.SerializeToString())
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = 1
        session = ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        outputs = dict(zip(names, session.run(names, inputs)))
        self.writer.finish(name, "sklearn", "model.onnx", inputs, {n: self.dense(v) for n, v in outputs.items()})

    def dense(self, value):
        """A list of dictionaries, which ZipMap makes, as the table that it was made of."""
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return np.array([[row[k] for k in row] for row in value], np.float32)
        return np.array(value)

    def plain(self, name, model, target, x=None, dtype=np.float32, zipmap=False, **kw):
        x = self.x if x is None else x
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, target) if target is not None else model.fit(x)
        classifier = hasattr(model, "predict_proba") or hasattr(model, "classes_") and hasattr(model, "decision_function")
        options = {id(model): {"zipmap": zipmap}} if classifier and not isinstance(model, svm.LinearSVC) else None
        kind = {np.float32: FloatTensorType, np.float64: DoubleTensorType, np.int64: Int64TensorType}[dtype]
        self.save(name, model, [("x", kind([None, x.shape[1]]))], {"x": kw.pop("fresh", self.fresh).astype(dtype)}, options, **kw)

    def linear(self):
        for name, target in (("binary", self.two), ("multi", self.three), ("strings", self.words)):
            self.plain(f"logistic-{name}", linear_model.LogisticRegression(max_iter=500), target)
            self.plain(f"logistic-{name}-zipmap", linear_model.LogisticRegression(max_iter=500), target, zipmap=True)
        self.plain("logistic-double", linear_model.LogisticRegression(max_iter=500), self.three, dtype=np.float64)
        self.plain("logistic-integers", linear_model.LogisticRegression(max_iter=500), self.two, dtype=np.int64, x=np.round(self.x * 3), fresh=np.round(self.fresh * 3))
        self.plain("logistic-opset-11", linear_model.LogisticRegression(max_iter=500), self.three, opset=11)
        self.plain("ovr", multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), self.three)
        self.plain("sgd", linear_model.SGDClassifier(loss="log_loss", random_state=1), self.three)
        self.plain("linear", linear_model.LinearRegression(), self.signal)
        self.plain("linear-double", linear_model.LinearRegression(), self.signal, dtype=np.float64)
        self.plain("ridge", linear_model.Ridge(), self.several)
        self.plain("lasso", linear_model.Lasso(alpha=0.05), self.signal)
        self.plain("poisson", linear_model.PoissonRegressor(), np.exp(self.signal / 4))

    def trees(self):
        for name, target in (("binary", self.two), ("multi", self.three), ("strings", self.words)):
            self.plain(f"forest-{name}", ensemble.RandomForestClassifier(30, max_depth=7, random_state=1), target)
            self.plain(f"boosting-{name}", ensemble.GradientBoostingClassifier(n_estimators=25, random_state=1), target)
            self.plain(f"hist-{name}", ensemble.HistGradientBoostingClassifier(max_iter=25, random_state=1), target)
            self.plain(f"tree-{name}", tree.DecisionTreeClassifier(max_depth=6, random_state=1), target)
            self.plain(f"extra-{name}", ensemble.ExtraTreesClassifier(25, max_depth=8, random_state=1), target)
        self.plain("forest-regressor", ensemble.RandomForestRegressor(40, random_state=1), self.signal)
        self.plain("forest-several", ensemble.RandomForestRegressor(20, max_depth=8, random_state=1), self.several)
        self.plain("forest-integers", ensemble.RandomForestClassifier(20, random_state=1), self.three, dtype=np.int64, x=np.round(self.x * 3), fresh=np.round(self.fresh * 3))
        self.plain("boosting-regressor", ensemble.GradientBoostingRegressor(n_estimators=40, random_state=1), self.signal)
        self.plain("tree-several", tree.DecisionTreeRegressor(random_state=1), self.several)
        self.plain("adaboost", ensemble.AdaBoostClassifier(n_estimators=10, random_state=1), self.three)
        self.plain("bagging", ensemble.BaggingClassifier(n_estimators=8, random_state=1), self.three)
        self.plain("isolation", ensemble.IsolationForest(n_estimators=20, random_state=1), None, opset=15)
        gaps, fresh = self.x.copy(), self.fresh.copy()
        gaps[self.rng.random(gaps.shape) < 0.15] = np.nan
        fresh[self.rng.random(fresh.shape) < 0.15] = np.nan
        self.plain("hist-missing", ensemble.HistGradientBoostingRegressor(max_iter=30, random_state=1), self.signal, x=gaps, fresh=fresh)
        for name, target in (("binary", self.two), ("multi", self.three)):
            self.plain(f"xgboost-{name}", XGBClassifier(n_estimators=15, max_depth=4), target, x=gaps, fresh=fresh)
            self.plain(f"lightgbm-{name}", LGBMClassifier(n_estimators=15, verbose=-1), target, x=gaps, fresh=fresh)
        self.plain("xgboost-regressor", XGBRegressor(n_estimators=25, max_depth=5), self.signal, x=gaps, fresh=fresh)
        self.plain("lightgbm-regressor", LGBMRegressor(n_estimators=25, verbose=-1), self.signal, x=gaps, fresh=fresh)

    def others(self):
        self.plain("knn-classifier", neighbors.KNeighborsClassifier(5), self.three)
        self.plain("knn-regressor", neighbors.KNeighborsRegressor(4, weights="distance"), self.signal)
        for kernel in ("linear", "rbf", "poly", "sigmoid"):
            self.plain(f"svc-{kernel}", svm.SVC(kernel=kernel), self.three)
            self.plain(f"svr-{kernel}", svm.SVR(kernel=kernel), self.signal)
        self.plain("svc-binary", svm.SVC(), self.two)
        self.plain("svc-probability", svm.SVC(probability=True, random_state=1), self.three)
        self.plain("svc-probability-strings", svm.SVC(probability=True, random_state=1), self.words)
        self.plain("svc-probability-binary", svm.SVC(probability=True, random_state=1), self.two)
        self.plain("nu-svc", svm.NuSVC(nu=0.3), self.three)
        self.plain("linear-svc", svm.LinearSVC(), self.three)
        self.plain("one-class", svm.OneClassSVM(nu=0.2), None)
        self.plain("mlp-strings", neural_network.MLPClassifier(hidden_layer_sizes=(40,), max_iter=40, random_state=1), self.words)
        self.plain("mlp-multilabel", neural_network.MLPClassifier(hidden_layer_sizes=(40,), max_iter=40, random_state=1), np.stack([self.two, self.three > 1], axis=1).astype(int))
        self.plain("gaussian-nb", naive_bayes.GaussianNB(), self.three)
        self.plain("bernoulli-nb", naive_bayes.BernoulliNB(binarize=0.1), self.three)
        self.plain("kmeans", cluster.KMeans(5, n_init=2, random_state=1), None)
        self.plain("pca", decomposition.PCA(4), None)
        self.plain("truncated-svd", decomposition.TruncatedSVD(4), None)

    def steps(self):
        self.plain("standard-scaler", preprocessing.StandardScaler(), None)
        self.plain("min-max-scaler", preprocessing.MinMaxScaler(), None)
        self.plain("max-abs-scaler", preprocessing.MaxAbsScaler(), None)
        self.plain("robust-scaler", preprocessing.RobustScaler(), None)
        self.plain("polynomial", preprocessing.PolynomialFeatures(2), None)
        self.plain("binarizer", preprocessing.Binarizer(threshold=0.2), None)
        self.plain("discretizer", preprocessing.KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), None)
        self.plain("power", preprocessing.PowerTransformer(), None)
        for norm in ("l1", "l2", "max"):
            self.plain(f"normalizer-{norm}", preprocessing.Normalizer(norm), None)
        gaps = self.fresh.copy()
        gaps[self.rng.random(gaps.shape) < 0.3] = np.nan
        for strategy in ("mean", "median", "constant"):
            self.plain(f"imputer-{strategy}", impute.SimpleImputer(strategy=strategy), None, fresh=gaps)
        whole = self.rng.integers(0, 5, (200, 3))
        for dtype, name in ((np.int64, "integers"), (np.float32, "floats")):
            self.plain(f"one-hot-{name}", preprocessing.OneHotEncoder(sparse_output=False, handle_unknown="ignore"), None, x=whole.astype(dtype), dtype=dtype,
                       fresh=self.rng.integers(0, 7, (ROWS, 3)))
        words = np.array(["red", "green", "blue", "grün"])[self.rng.integers(0, 4, (200, 2))]
        encoder = preprocessing.OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(words)
        fresh = np.array(["red", "green", "blue", "grün", "black"])[self.rng.integers(0, 5, (ROWS, 2))].astype(object)
        self.save("one-hot-strings", encoder, [("x", StringTensorType([None, 2]))], {"x": fresh})
        ordinal = preprocessing.OrdinalEncoder().fit(words)
        self.save("ordinal-strings", ordinal, [("x", StringTensorType([None, 2]))], {"x": fresh[[("black" not in r) for r in fresh]]})
        labels = preprocessing.LabelEncoder().fit(words[:, 0])
        self.save("label-strings", labels, [("x", StringTensorType([None]))], {"x": fresh[:, 0][fresh[:, 0] != "black"]})

    def pipelines(self):
        """Several typed inputs, as data frames have them."""
        n = len(self.x)
        color = np.array(["red", "green", "blue"])[self.rng.integers(0, 3, n)]
        size = self.rng.integers(0, 4, n)
        table = np.concatenate([self.x.astype(object), color[:, None].astype(object), size[:, None].astype(object)], axis=1)
        columns = compose.ColumnTransformer([
            ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), list(range(COLUMNS))),
            ("words", preprocessing.OneHotEncoder(handle_unknown="ignore"), [COLUMNS]),
            ("sizes", preprocessing.OneHotEncoder(handle_unknown="ignore"), [COLUMNS + 1])])
        types = [("numbers", FloatTensorType([None, COLUMNS])), ("color", StringTensorType([None, 1])), ("size", Int64TensorType([None, 1]))]
        numbers = self.fresh.copy()
        numbers[self.rng.random(numbers.shape) < 0.2] = np.nan
        inputs = {"numbers": numbers, "color": np.array(["red", "green", "violet"], object)[self.rng.integers(0, 3, (ROWS, 1))],
                  "size": self.rng.integers(0, 5, (ROWS, 1))}
        for name, last, target in (("logistic", linear_model.LogisticRegression(max_iter=500), self.words),
                                   ("forest", ensemble.RandomForestClassifier(20, max_depth=6, random_state=1), self.three),
                                   ("boosting", ensemble.GradientBoostingRegressor(n_estimators=20, random_state=1), self.signal),
                                   ("mlp", neural_network.MLPRegressor(hidden_layer_sizes=(50, 30), max_iter=40, random_state=1), self.signal)):
            whole = pipeline.Pipeline([("columns", columns), ("model", last)])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                whole.fit(table, target)
            options = {id(whole): {"zipmap": False}} if hasattr(last, "predict_proba") else None
            self.save(f"columns-{name}", whole, types, inputs, options)
        self.plain("scaled-pca-logistic", pipeline.make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(5), linear_model.LogisticRegression()), self.words)

    def all(self):
        self.linear()
        self.trees()
        self.others()
        self.steps()
        self.pipelines()
        ml_nodes.add(self)


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    register()
    cases = Cases(sys.argv[1], seed)
    cases.all()
    print(f"onnxruntime {ort.__version__}: {len(cases.writer.names)} cases of scikit-learn, seed {seed}")


if __name__ == "__main__":
    main()
