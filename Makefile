# make check is exactly what CI runs; the other targets are single steps of it.
.PHONY: check test race lint fuzz cross parity tools backend onnxruntime bench

check:
	.ci/run

test race lint fuzz cross parity tools backend onnxruntime:
	.ci/run $@

bench:
	go test -run '^$$' -bench . -benchmem ./...
