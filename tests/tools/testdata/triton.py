"""Asks a server of the model diabetes everything that Triton's client can ask of it."""

import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("diabetes") and client.is_model_ready("diabetes", "1")
assert not client.is_model_ready("other") and not client.is_model_ready("diabetes", "2")

server = client.get_server_metadata()
assert server["name"] == "shardwise" and server["extensions"] == ["binary_tensor_data"], server
model = client.get_model_metadata("diabetes", "1")
assert model == client.get_model_metadata("diabetes")
assert model["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 10]}], model
assert [o["name"] for o in model["outputs"]] == ["prediction", "margin", "leaf"], model
assert model["versions"] == ["1"], model

rows = (np.arange(70, dtype=np.float32).reshape(7, 10) - 35) / 300
rows[1, 2] = rows[4, 8] = np.nan


def infer(binary_in, binary_out, values=rows, **more):
    features = triton.InferInput("features", list(values.shape), "FP32")
    features.set_data_from_numpy(values, binary_data=binary_in)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("leaf", "prediction")]
    return client.infer("diabetes", [features], outputs=None if binary_out is None else outputs, **more)


seen = set()
for binary_in in True, False:
    for binary_out in True, False, None:
        answer = infer(binary_in, binary_out, request_id="mine", model_version="1")
        head = answer.get_response()
        assert head["id"] == "mine" and head["model_name"] == "diabetes" and head["model_version"] == "1", head
        prediction = answer.as_numpy("prediction")
        assert prediction.dtype == np.float32 and prediction.shape == (7,), prediction
        seen.add(prediction.tobytes())
        if binary_out is None:
            assert [o["name"] for o in head["outputs"]] == ["prediction"], head
            continue
        assert [o["name"] for o in head["outputs"]] == ["leaf", "prediction"], head
        leaf = answer.as_numpy("leaf")
        assert leaf.dtype == np.int32 and leaf.shape == (7, 150), leaf
        seen.add(leaf.astype(np.int32).tobytes())
assert len(seen) == 2, "JSON and binary data differ"
assert len(np.unique(prediction)) > 1, prediction

tiled = np.tile(rows, (2000, 1))
many = infer(True, None, values=tiled).as_numpy("prediction")
assert (many.reshape(2000, 7).view(np.uint32) == prediction.view(np.uint32)).all()


def refused(status, text, call):
    try:
        call()
    except InferenceServerException as e:
        assert e.status() == status and text in e.message(), (e.status(), e.message())
    else:
        sys.exit("wanted %s with %r, found an answer" % (status, text))


refused("400", "wanted shape [batch, 10]", lambda: infer(True, True, values=rows[:, :9].copy()))
refused("413", "send fewer rows", lambda: infer(True, True, values=tiled))
refused("404", "this server has", lambda: client.get_model_metadata("other"))
refused("404", "no version", lambda: infer(True, True, model_version="2"))
refused("400", "not supported", lambda: infer(True, True, priority=1))
refused("415", "gzip", lambda: infer(True, True, request_compression_algorithm="gzip"))
features = triton.InferInput("features", [7, 10], "FP32")
features.set_data_from_numpy(rows)
top = triton.InferRequestedOutput("prediction", class_count=3)
refused("400", "classification", lambda: client.infer("diabetes", [features], outputs=[top]))
client.close()
print("fine")
