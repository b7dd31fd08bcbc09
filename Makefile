# make check is exactly what CI runs; the other targets are single steps of it.
.PHONY: check test race lint fuzz cross parity tools backend onnxruntime bench bench-onnx bench-operators soak

check:
	.ci/run

test race lint fuzz cross parity tools backend onnxruntime:
	.ci/run $@

# Both engines on models that PyTorch exports, in one run, on one thread each.
bench-onnx:
	.ci/run bench_onnx

# Every operator on a node of middle size, both engines in one run; writes docs/operators-speed.md.
bench-operators:
	.ci/run bench_operators

bench:
	go test -run '^$$' -bench . -benchmem ./...

# Ten minutes of mixed load with faults on one deployment.
soak:
	SHARDWISE_SOAK=10m go test -count=1 -timeout 20m -v -run '^TestSoak$$' ./internal/local
