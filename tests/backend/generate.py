"""Writes the backend test cases of the installed onnx package as folders, the layout of Debian's libonnx-testdata.

usage: generate.py OUTDIR

OUTDIR/node/NAME/{model.onnx, test_data_set_N/{input,output}_I.pb}; a case whose tolerance is not ONNX's usual one
has it in data.json, as ONNX's own model folders do. The package's node cases are made anew, in the newest operator
set that it knows; they are functions of seeded random numbers, so that every run gives the same bytes.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

USUAL = (1e-3, 1e-7)


def proto(value, info):
    """The value as the message that the graph's type of it needs."""
    kind = info.type.WhichOneof("value")
    if isinstance(value, onnx.TensorProto):
        return value
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    return numpy_helper.from_array(np.asarray(value), info.name)


def write_values(directory, stem, values, infos):
    for i, (value, info) in enumerate(zip(values, infos, strict=True)):
        (directory / f"{stem}_{i}.pb").write_bytes(proto(value, info).SerializeToString())


def write_case(case, directory):
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(case.model.SerializeToString())
    if (case.rtol, case.atol) != USUAL:
        (directory / "data.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}))
    graph = case.model.graph
    for i, (inputs, outputs) in enumerate(case.data_sets):
        data_set = directory / f"test_data_set_{i}"
        data_set.mkdir()
        write_values(data_set, "input", inputs, graph.input)
        write_values(data_set, "output", outputs, graph.output)


def main():
    out = pathlib.Path(sys.argv[1])
    warnings.simplefilter("ignore")
    cases = collect_testcases(None)
    for case in cases:
        write_case(case, out / "node" / case.name)
    print(f"onnx {onnx.__version__}: {len(cases)} node cases")


if __name__ == "__main__":
    main()
