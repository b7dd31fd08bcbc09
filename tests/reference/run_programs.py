"""Open programs in ONNX Runtime from their files, check them with onnx, and run each on inputs that are given.

usage: python run_programs.py JOBS

JOBS is a JSON list of {"program", "inputs", "outputs", "plain"}: an ONNX file whose external data lie beside it, a safetensors file of its
inputs, and the folder where its outputs go as .npy files. plain switches the library's own rewriting of the graph off. Prints a JSON list of
{"outputs": name -> file}, or of {"error": text} where a program was refused.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"}


def read_tensors(path):
    """The arrays of a safetensors file, by name."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            arrays[name] = np.frombuffer(data[start + begin:start + end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def run(job):
    onnx.checker.check_model(job["program"], full_check=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if job["plain"]:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(job["program"], options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    out = pathlib.Path(job["outputs"])
    out.mkdir()
    files = {}
    for i, value in enumerate(session.run(names, read_tensors(pathlib.Path(job["inputs"])))):
        files[names[i]] = str(out / f"{i}.npy")
        np.save(files[names[i]], np.ascontiguousarray(value).reshape(np.shape(value)))
    return {"outputs": files}


def main():
    results = []
    for job in json.loads(pathlib.Path(sys.argv[1]).read_text()):
        try:
            results.append(run(job))
        except Exception as e:  # each program's refusal is a result of its own
            results.append({"error": f"{type(e).__name__}: {e}"})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
