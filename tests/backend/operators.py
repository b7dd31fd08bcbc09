"""Prints the operators of ONNX's inference domains with the attributes of all their versions, one operator a line.

usage: operators.py > internal/engine/onnxruntime/operators.txt

The splitter asks this list which operators ONNX Runtime can know.
"""

import onnx

DOMAINS = ("", "ai.onnx.ml")


def main():
    attributes = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain in DOMAINS:
            name = f"{schema.domain}.{schema.name}" if schema.domain else schema.name
            attributes.setdefault(name, set()).update(schema.attributes)
    for name in sorted(attributes):
        print(" ".join([name, *sorted(attributes[name])]))


if __name__ == "__main__":
    main()
