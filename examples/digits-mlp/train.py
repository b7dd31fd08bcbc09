"""Train a multilayer perceptron with scikit-learn, convert it to ONNX and write model.onnx, input.csv and expected.csv
beside this file.

The data are the 1797 handwritten digits (8 x 8 pixels, 0 to 16) that scikit-learn ships. A quarter is held out;
input.csv holds the held-out rows, expected.csv what ONNX Runtime computes for them. Of the converted model the part up
to the class probabilities is kept: the label is its largest entry.
"""
import csv
import pathlib

import numpy as np
import onnx
import onnx.utils
import onnxruntime as ort
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = pathlib.Path(__file__).resolve().parent


def write_csv(name, columns, rows):
    with open(HERE / name, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(columns)
        w.writerows(rows)


def main():
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.data.astype(np.float32), digits.target, test_size=0.25, random_state=7, stratify=digits.target)
    classifier = MLPClassifier(hidden_layer_sizes=(256, 128), max_iter=60, random_state=7)
    classifier.fit(x_train, y_train)

    whole = to_onnx(classifier, initial_types=[("pixels", FloatTensorType([None, 64]))],
                    options={"zipmap": False}, target_opset=17)
    kept = onnx.utils.Extractor(whole).extract_model(["pixels"], ["probabilities"])
    kept.graph.name = "digits-mlp"
    onnx.checker.check_model(kept, full_check=True)
    onnx.save(kept, HERE / "model.onnx")

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(HERE / "model.onnx"), options, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"pixels": x_test})
    print("accuracy on the held-out rows:", np.mean(probabilities.argmax(axis=1) == y_test))

    write_csv("input.csv", [f"pixels_{i}" for i in range(64)], ([f"{v:g}" for v in row] for row in x_test))
    # str of a NumPy float32 is the shortest text that reads back as the same bits.
    write_csv("expected.csv", [f"probabilities_{k}" for k in range(10)],
              ([str(v) for v in row] for row in probabilities))


if __name__ == "__main__":
    main()
