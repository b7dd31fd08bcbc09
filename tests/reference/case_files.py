"""Writing parity cases: one directory a case, with the model, its inputs and the library's own outputs.

DIR/NAME/case.json says what the case is:
  name, kind ("xgboost", "onnx", "sklearn", "ensemble" or "network"), library, version, seed, model (file name), inputs and outputs (array name -> .npy
  file), for XGBoost objective, trees and classes, and for ensembles members. Arrays are C-ordered, little-endian. Arrays of strings are .json
  files with their shape and elements.
"""
import json
import pathlib
import shutil

import numpy as np


def save_array(path, stem, array):
    """Writes the array and returns the file's name: .npy, or .json for strings, which Go's reader of .npy does not know."""
    array = np.asarray(array)
    if array.dtype.kind in "OUS":
        file = stem + ".json"
        (path / file).write_text(json.dumps({"shape": array.shape, "strings": [str(v) for v in array.ravel()]}))
    else:
        file = stem + ".npy"
        np.save(path / file, array if array.flags.c_contiguous else np.ascontiguousarray(array))
    return file


class Writer:
    """Writes cases below one directory and refuses a name twice."""

    def __init__(self, out, library, version, seed):
        self.out = pathlib.Path(out)
        self.base = {"library": library, "version": version, "seed": seed}
        self.names = set()

    def directory(self, name):
        """An empty directory for the case."""
        if name in self.names:
            raise ValueError(f"case {name} is written twice")
        self.names.add(name)
        path = self.out / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def finish(self, name, kind, model, inputs, outputs, **more):
        """Writes the arrays and case.json of a case whose model file is there already."""
        path = self.out / name
        if not (path / model).is_file():
            raise FileNotFoundError(f"case {name} has no {model}")
        case = dict(self.base, name=name, kind=kind, model=model, **more)
        for role, arrays in (("inputs", inputs), ("outputs", outputs)):
            case[role] = {}
            for i, (array_name, array) in enumerate(arrays.items()):
                case[role][array_name] = save_array(path, f"{role[:-1]}-{i}", array)
        (path / "case.json").write_text(json.dumps(case, indent=1) + "\n")
