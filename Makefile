# make check is exactly what CI runs; the other targets are single steps of it.
.PHONY: check test race lint fuzz cross parity tools backend onnxruntime bench bench-batch bench-onnx bench-operators batch soak large

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

# A million rows through a batch on this computer, with a check of every process's memory; and batches against a plain
# program of one process, as ratios.
batch:
	SHARDWISE_LONG=1 go test -count=1 -timeout 30m -v -run '^TestABatchIsPredictsFileInBoundedMemory$$' ./tests/batch

bench-batch:
	SHARDWISE_BATCH_ROWS=1000000 go test -run '^$$' -bench BatchAgainstOneProcess -benchtime 1x -timeout 60m ./internal/cli

# Ten minutes of mixed load with faults on one deployment.
soak:
	SHARDWISE_SOAK=10m go test -count=1 -timeout 20m -v -run '^TestSoak$$' ./internal/local

# A model of 6 GiB: planned and split in at most 256 MB of memory, at no less than 0.6 of a copy's speed, which is judged where nothing else
# runs. Takes 12 GiB of disk.
large:
	SHARDWISE_LARGE=1 go test -count=1 -timeout 30m -v -run '^TestALargeModel' ./tests/e2e
