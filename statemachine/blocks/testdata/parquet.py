"""Writes the Parquet files beside it, and pyarrow.csv with the same rows, by pyarrow (26.0.1).

usage: parquet.py DIR
"""

import csv
import os
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

out = sys.argv[1]
random.seed(1)
rows = 400


def some(value):
    """A value, or none."""
    return None if random.random() < 0.1 else value


columns = {
    "double": pa.array([some(random.gauss(0, 100)) for _ in range(rows)], pa.float64()),
    "single": pa.array([some(random.randrange(-4000, 4000) / 16) for _ in range(rows)], pa.float32()),
    "whole": pa.array([some(random.randrange(-1000, 1000)) for _ in range(rows)], pa.int16()),
    "flag": pa.array([random.random() < 0.5 for _ in range(rows)], pa.bool_()),
    "id": pa.array([(1 << 60) + i for i in range(rows)], pa.int64()),
    "word": pa.array([random.choice(["a", "b,c", 'quo"te', "naïve", ""]) for _ in range(rows)], pa.string()),
}
table = pa.table(columns)


def path(name):
    return os.path.join(out, name)


pq.write_table(table, path("default.parquet"), row_group_size=150)
pq.write_table(table, path("indexed.parquet"), row_group_size=400, compression="zstd", data_page_version="2.0",
               data_page_size=256, write_batch_size=16, write_page_index=True)
pq.write_table(table, path("plain.parquet"), row_group_size=400, compression="none", use_dictionary=False,
               data_page_size=256, write_batch_size=16)
pq.write_table(table, path("delta.parquet"), row_group_size=100, compression="gzip", use_dictionary=False,
               column_encoding={"id": "DELTA_BINARY_PACKED", "word": "DELTA_LENGTH_BYTE_ARRAY", "double": "BYTE_STREAM_SPLIT"})

with open(path("pyarrow.csv"), "w", newline="") as f:
    w = csv.writer(f)
    w.writerow(columns)
    for row in zip(*(c.to_pylist() for c in columns.values())):
        w.writerow(["" if v is None else (int(v) if isinstance(v, bool) else repr(v) if isinstance(v, float) else v) for v in row])

small = pa.table({"a": [1.5, None], "b": pa.array([1, 2], pa.int32()), "word": ["x", "y"]})
pq.write_table(small, path("small.parq"), compression="none", use_dictionary=False)
