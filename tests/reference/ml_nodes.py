"""Single operators of ai.onnx.ml with the attributes that converters seldom write, as parity cases.

sklearn_models.py calls it. Ensembles are random: every test, both sides of missing values, every aggregate function and
transform, and the conventions of classifiers of two classes.
"""
import numpy as np
from onnx import TensorProto, helper

ELEM = {np.dtype("float32"): TensorProto.FLOAT, np.dtype("float64"): TensorProto.DOUBLE, np.dtype("int64"): TensorProto.INT64, np.dtype("int32"): TensorProto.INT32,
        np.dtype("O"): TensorProto.STRING}


def model(op, x, outputs, version=3, more=(), **attributes):
    """A model of one node; outputs are (name, element type, rank)."""
    arrays = {"x": x, **{f"x{i + 1}": v for i, v in enumerate(more)}}
    node = helper.make_node(op, list(arrays), [o[0] for o in outputs], domain="ai.onnx.ml", **attributes)
    graph = helper.make_graph([node], "case", [helper.make_tensor_value_info(k, ELEM[v.dtype], ["N"] + list(v.shape[1:])) for k, v in arrays.items()],
                              [helper.make_tensor_value_info(n, t, ["N"] + [f"{n}_{i}" for i in range(1, r)]) for n, t, r in outputs])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", version)], ir_version=9), arrays


def random_trees(rng, trees, columns, modes, targets, negative=True, depth=4):
    """Attributes of nodes and of weights, the latter as (tree ids, node ids, target ids, weights)."""
    a = {k: [] for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    w = ([], [], [], [])

    def grow(tree, level):
        at = grow.count
        grow.count += 1
        place = len(a["nodeids"])
        leaf = level == depth or rng.random() < 0.2
        row = (tree, at, 0 if leaf else int(rng.integers(columns)), 0.0 if leaf else float(np.float32(rng.choice([-0.5, 0, 0.5, 1, rng.standard_normal()]))),
               "LEAF" if leaf else modes[rng.integers(len(modes))], 0, 0, int(rng.integers(2)))
        for key, v in zip(a, row):
            a[key].append(v)
        if leaf:
            for t in sorted(rng.choice(targets, rng.integers(1, len(targets) + 1), replace=False)):
                for part, v in zip(w, (tree, at, int(t), float(np.float32(rng.standard_normal() if negative else rng.random() / trees)))):
                    part.append(v)
            return at
        a["truenodeids"][place] = grow(tree, level + 1)
        a["falsenodeids"][place] = grow(tree, level + 1)
        return at

    for tree in range(trees):
        grow.count = 0
        grow(tree, 0)
    return {"nodes_" + k: v for k, v in a.items()}, w


def weights(role, w):
    return dict(zip((f"{role}_treeids", f"{role}_nodeids", f"{role}_ids", f"{role}_weights"), w))


ALL = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def regressors(cases, x):
    y = [("y", TensorProto.FLOAT, 2)]
    for fold in ("SUM", "AVERAGE", "MIN", "MAX"):
        for modes, kind in ((ALL, "all"), (ALL[:4], "sizes")):
            for targets in (1, 3):
                nodes, w = random_trees(cases.rng, 9, 5, modes, list(range(targets)))
                base = {} if fold == "MIN" else {"base_values": [0.5, -1.0, 2.0][:targets]}
                cases.store(f"node-trees-{fold.lower()}-{kind}-{targets}", *model("TreeEnsembleRegressor", x, y, **nodes, **weights("target", w), n_targets=targets,
                                                                                   aggregate_function=fold, **base))
    for transform in ("LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        for targets in (1, 3):
            nodes, w = random_trees(cases.rng, 3, 5, ALL[:1], list(range(targets)))
            cases.store(f"node-trees-{transform.lower()}-{targets}", *model("TreeEnsembleRegressor", x, y, **nodes, **weights("target", w), n_targets=targets, post_transform=transform))


def classifiers(cases, x):
    out = [("label", TensorProto.INT64, 1), ("scores", TensorProto.FLOAT, 2)]
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        for negative, sign in ((True, "mixed"), (False, "positive")):
            for base in (0, 1):
                nodes, w = random_trees(cases.rng, 5, 5, ALL, [0], negative)
                cases.store(f"node-two-{transform.lower()}-{sign}-{base}", *model("TreeEnsembleClassifier", x, out, **nodes, **weights("class", w), classlabels_int64s=[7, -2],
                                                                                   post_transform=transform, **({"base_values": [0.1]} if base else {})))
        nodes, w = random_trees(cases.rng, 5, 5, ALL, [0, 1, 2, 3])
        cases.store(f"node-four-{transform.lower()}", *model("TreeEnsembleClassifier", x, [("label", TensorProto.STRING, 1), out[1]], **nodes, **weights("class", w),
                                                              classlabels_strings=["a", "b", "c", ""], post_transform=transform, base_values=[0.1, 0.2, 0.3, -0.4]))
        for labels in (2, 3):
            c = cases.rng.standard_normal((labels, 5)).astype(np.float32).ravel()
            cases.store(f"node-linear-{transform.lower()}-{labels}", *model("LinearClassifier", np.nan_to_num(x), out, coefficients=c, intercepts=[0.1, 0.2, -0.1][:labels],
                                                                             classlabels_ints=[4, 5, 6][:labels], post_transform=transform))
        cases.store(f"node-linear-{transform.lower()}-row", *model("LinearClassifier", np.nan_to_num(x), out, coefficients=c[:5], intercepts=[0.1], classlabels_ints=[4, 5],
                                                                    post_transform=transform))
        cases.store(f"node-linear-regressor-{transform.lower()}", *model("LinearRegressor", np.nan_to_num(x), [("y", TensorProto.FLOAT, 2)], coefficients=c[:5], intercepts=[0.1],
                                                                          post_transform=transform))
        support = cases.rng.standard_normal((6, 5)).astype(np.float32).ravel()
        cases.store(f"node-svc-{transform.lower()}", *model("SVMClassifier", np.nan_to_num(x), out, coefficients=cases.rng.standard_normal(6).astype(np.float32), support_vectors=support,
                                                             vectors_per_class=[2, 4], rho=[0.1], kernel_type="RBF", kernel_params=[0.2, 0.0, 3.0], classlabels_ints=[3, 1],
                                                             post_transform=transform))
    cases.store("node-liblinear", *model("SVMClassifier", np.nan_to_num(x), out, coefficients=cases.rng.standard_normal(15).astype(np.float32), rho=[0.1],
                                          kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], classlabels_ints=[3, 1, 2]))


def tables(cases, x):
    words = np.array(["a", "b", "", "zebra"], object)[cases.rng.integers(0, 4, (11, 2))]
    ints = cases.rng.integers(-2, 6, (11, 2))
    cases.store("node-labels-strings-floats", *model("LabelEncoder", words, [("y", TensorProto.FLOAT, 2)], keys_strings=["a", "", "q"], values_floats=[1.5, np.nan, 3], default_float=-7.0))
    cases.store("node-labels-ints-strings", *model("LabelEncoder", ints, [("y", TensorProto.STRING, 2)], keys_int64s=[-2, 0, 5], values_strings=["x", "y", "z"]))
    cases.store("node-labels-floats-ints", *model("LabelEncoder", x, [("y", TensorProto.INT64, 2)], keys_floats=[0.5, np.nan], values_int64s=[3, 4], default_int64=9))
    cases.store("node-labels-4", *model("LabelEncoder", x, [("y", TensorProto.INT64, 2)], 4, keys_floats=[0.5, np.nan], values_int64s=[3, 4], default_int64=9))
    cases.store("node-labels-first", *model("LabelEncoder", words, [("y", TensorProto.INT64, 2)], 1, classes_strings=["b", "zebra"], default_int64=-5))
    cases.store("node-categories", *model("CategoryMapper", words, [("y", TensorProto.INT64, 2)], cats_strings=["a", "b"], cats_int64s=[10, 20]))
    cases.store("node-categories-back", *model("CategoryMapper", ints, [("y", TensorProto.STRING, 2)], cats_strings=["a", "b"], cats_int64s=[1, 2], default_string="none"))
    cases.store("node-one-hot-ints", *model("OneHotEncoder", ints, [("y", TensorProto.FLOAT, 3)], cats_int64s=[0, 3, 5]))
    cases.store("node-one-hot-doubles", *model("OneHotEncoder", ints + 0.75, [("y", TensorProto.FLOAT, 3)], cats_int64s=[0, 3, 5]))
    cases.store("node-one-hot-words", *model("OneHotEncoder", words, [("y", TensorProto.FLOAT, 3)], cats_strings=["zebra", "a"], zeros=1))
    cases.store("node-imputer-ints", *model("Imputer", ints, [("y", TensorProto.INT64, 2)], imputed_value_int64s=[100, 200], replaced_value_int64=0))
    cases.store("node-imputer-floats", *model("Imputer", x, [("y", TensorProto.FLOAT, 2)], imputed_value_floats=[1.0, 2.0, 3.0, 4.0, 5.0], replaced_value_float=np.nan))
    full = np.nan_to_num(x)
    for norm in ("MAX", "L1", "L2"):
        cases.store(f"node-normalizer-{norm.lower()}", *model("Normalizer", full, [("y", TensorProto.FLOAT, 2)], norm=norm))
    cases.store("node-scaler", *model("Scaler", full.astype(np.float64), [("y", TensorProto.FLOAT, 2)], offset=[0.5], scale=[3.0]))
    cases.store("node-vectorizer", *model("FeatureVectorizer", full, [("y", TensorProto.FLOAT, 2)], more=[full[:, :2].copy()], inputdimensions=[5, 2]))


def add(cases):
    x = cases.rng.standard_normal((23, 5)).astype(np.float32)
    x[cases.rng.random(x.shape) < 0.3] = 0.5
    x[cases.rng.random(x.shape) < 0.2] = np.nan
    regressors(cases, x)
    classifiers(cases, x)
    tables(cases, x)
