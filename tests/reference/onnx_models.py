"""Make multilayer perceptrons and linear models as ONNX and write them as parity cases with ONNX Runtime's outputs.

usage: python onnx_models.py OUT [SEED]

The models are built node by node, in the forms that exporters write, or trained by scikit-learn and converted by
skl2onnx.
"""
import sys
import warnings

import numpy as np
import onnx
import onnxruntime as ort
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from case_files import Writer
from onnx_build import Graph, clip, location_only, op, swish

ROWS = 37


class Cases:
    def __init__(self, out, seed):
        self.writer = Writer(out, "onnxruntime", ort.__version__, seed)
        self.rng = np.random.default_rng(seed)

    def graph(self, **kw):
        return Graph(self.rng, **kw)

    def rows(self, columns, dtype=np.float32):
        return self.rng.standard_normal((ROWS, columns)).astype(dtype)

    def save(self, name, model, inputs, external=None):
        name = f"onnx-{name}"
        path = self.writer.directory(name)
        if external is None:
            onnx.save(model, path / "model.onnx")
        else:
            onnx.save(model, path / "model.onnx", save_as_external_data=True, size_threshold=0,
                      all_tensors_to_one_file=external == "one", location="weights.bin" if external == "one" else None)
            if external == "many":
                bare = onnx.load(path / "model.onnx", load_external_data=False)
                location_only(bare)
                (path / "model.onnx").write_bytes(bare.SerializeToString())
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(str(path / "model.onnx"), options, providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        values = session.run(names, inputs)
        self.writer.finish(name, "onnx", "model.onnx", inputs, dict(zip(names, values)))

    def perceptron(self, name, widths, form, activation, last, external=None, ir_version=8, **kw):
        g = self.graph(**kw)
        x = g.input("x", [widths[0]])
        g.output(g.mlp(x, widths, form, activation, last), "y", [widths[-1]])
        self.save(name, g.model(ir_version), {"x": self.rows(widths[0], g.dtype)}, external)

    def forms(self):
        softmax = op("Softmax", axis=1)
        for form in ("gemm", "gemm-transposed", "gemm-scaled", "gemm-no-bias", "matmul-add", "add-matmul", "matmul"):
            self.perceptron(form, [24, 65, 40, 11], form, op("Relu"), softmax)
        for store in ("typed", "constant"):
            self.perceptron(f"weights-{store}", [20, 48, 33, 9], "gemm-transposed", op("Relu"), None, store=store)
        self.perceptron("weights-inputs", [20, 48, 9], "gemm", op("Relu"), None, store="inputs", ir_version=3, opset=8)
        for external in ("one", "many"):
            self.perceptron(f"external-{external}", [20, 64, 40, 9], "matmul-add", op("Relu"), softmax, external=external)
        self.perceptron("softmax-11", [20, 32, 9], "gemm", op("Relu"), op("Softmax", axis=1), opset=11)
        self.perceptron("log-softmax", [20, 32, 9], "gemm", op("Relu"), op("LogSoftmax", axis=-1))
        self.perceptron("double", [16, 40, 24, 3], "gemm", op("Tanh"), None, dtype=np.float64)
        self.perceptron("deep", [16] + [32] * 9 + [4], "gemm-transposed", op("Relu"), op("Softmax", axis=-1))
        self.perceptron("two-layers", [10, 64, 1], "gemm", op("Sigmoid"), op("Sigmoid"))

    def linear(self):
        self.perceptron("linear-tall", [3000, 1], "gemm", None, None)
        self.perceptron("linear-tall-logistic", [1024, 3], "matmul-add", None, op("Softmax", axis=1))
        self.perceptron("linear-wide", [12, 1500], "gemm-transposed", None, op("Softmax", axis=1))
        self.perceptron("linear-wide-sigmoid", [12, 700], "gemm", None, op("Sigmoid"))
        self.perceptron("linear-square", [96, 96], "matmul", None, None)

    def activations(self):
        kinds = {
            "leaky-relu": op("LeakyRelu", alpha=0.07), "elu": op("Elu", alpha=1.3), "selu": op("Selu"),
            "celu": op("Celu", alpha=0.8), "sigmoid": op("Sigmoid"), "tanh": op("Tanh"),
            "hard-sigmoid": op("HardSigmoid", alpha=0.15, beta=0.4), "softplus": op("Softplus"), "softsign": op("Softsign"),
            "clip": clip(-0.5, 0.75), "relu6": clip(0.0, 6.0), "swish": swish, "identity": op("Identity"),
            "dropout": op("Dropout"),
        }
        for name, activation in kinds.items():
            self.perceptron(f"act-{name}", [18, 44, 29, 7], "gemm-transposed", activation, None)
        for approximate in ("none", "tanh"):
            self.perceptron(f"act-gelu-{approximate}", [18, 44, 29, 7], "gemm", op("Gelu", approximate=approximate), None, opset=20)
        self.perceptron("act-clip-6", [18, 44, 7], "gemm", op("Clip", min=-0.25, max=0.5), None, opset=10, ir_version=5)

    def around(self):
        """Shape and type operators around the layers."""
        g = self.graph()
        flat = g.node("Flatten", g.input("image", [6, 5]), axis=1)
        g.output(g.mlp(flat, [30, 50, 8], "gemm", op("Relu"), op("Softmax", axis=1)), "probabilities", [8])
        self.save("flatten", g.model(), {"image": self.rng.standard_normal((ROWS, 6, 5)).astype(np.float32)})

        g = self.graph()
        flat = g.node("Reshape", g.input("image", [6, 5]), g.weight(np.array([-1, 30], np.int64), "shape"))
        g.output(g.mlp(flat, [30, 50, 8], "matmul-add", op("Relu"), None), "scores", [8])
        self.save("reshape", g.model(), {"image": self.rng.standard_normal((ROWS, 6, 5)).astype(np.float32)})

        g = self.graph()
        cast = g.node("Cast", g.input("x", [18], np.float64), to=onnx.TensorProto.FLOAT)
        g.output(g.mlp(cast, [18, 40, 5], "gemm", op("Relu"), None), "y", [5])
        self.save("cast-double", g.model(), {"x": self.rows(18, np.float64)})

        g = self.graph()
        shared = g.weight(g.random(24, 24))
        x = g.input("x", [24])
        for _ in range(2):
            x = g.node("Relu", g.node("MatMul", x, g.node("Identity", shared)))
        g.output(x, "y", [24])
        self.save("identity-alias", g.model(), {"x": self.rows(24)})

    def sklearn(self):
        x = self.rng.standard_normal((400, 15)).astype(np.float32)
        signal = x[:, :3].sum(axis=1)
        classes = np.digitize(signal, [-1, 1])
        several = np.stack([signal, signal ** 2, np.sin(signal)], axis=1)
        models = {
            "mlp-classifier": (MLPClassifier(hidden_layer_sizes=(50, 30), max_iter=40, random_state=1), classes),
            "mlp-binary": (MLPClassifier(hidden_layer_sizes=(40,), activation="logistic", max_iter=40, random_state=2), classes > 0),
            "mlp-regressor": (MLPRegressor(hidden_layer_sizes=(50, 30), activation="tanh", max_iter=40, random_state=3), several),
            "logistic": (LogisticRegression(max_iter=500), classes),
            "linear": (LinearRegression(), signal),
            "ridge": (Ridge(), several),
            "scaled-mlp": (make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(64,), max_iter=40, random_state=4)), signal),
        }
        for name, (estimator, target) in models.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # forty rounds need not converge
                estimator.fit(x, target if target.dtype != bool else target.astype(int))
            options = {"zipmap": False} if hasattr(estimator, "predict_proba") else None
            model = to_onnx(estimator, initial_types=[("x", FloatTensorType([None, 15]))], options=options, target_opset=17)
            self.save(f"sklearn-{name}", model, {"x": self.rows(15)})

    def all(self):
        self.forms()
        self.linear()
        self.activations()
        self.around()
        self.sklearn()


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20261
    cases = Cases(sys.argv[1], seed)
    cases.all()
    print(f"onnxruntime {ort.__version__}: {len(cases.writer.names)} cases, seed {seed}")


if __name__ == "__main__":
    main()
