"""Writes a model as C++ source: its bytes, labels, thresholds, sizes, and the indices and scales of its integer tensors."""

import json
from pathlib import Path
from typing import Any

from s3rl_jax.detect.description import Description
from s3rl_jax.export.microcontroller import arena_estimate

BYTES_A_LINE = 16


def c_sources(model: bytes, description: Description, path: Path) -> dict[Path, str]:
    """Creates NAME_model.h and NAME_model.cc, to be written beside the .tflite.

    Args:
      model: content of the .tflite.
      description: its .json.
      path: path of the .tflite.

    Returns:
      Text of each file, by its path.
    """
    name = _identifier(path.stem)
    return {
        path.with_name(f"{name}_model.h"): _header(model, description, name),
        path.with_name(f"{name}_model.cc"): _source(model, description, name),
    }


def _identifier(stem: str) -> str:
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in stem)
    return f"m_{name}" if name[0].isdigit() else name


def _header(model: bytes, description: Description, name: str) -> str:
    guard = f"{name.upper()}_MODEL_H_"
    points = "\n".join(f"//   {rate}: {threshold}" for rate, threshold in description.thresholds.items())
    keywords, rule = list(description.labels[1:]), description.rule()
    return f"""// Written by s3rl_jax.export. Keyword: {keywords}; false accepts an hour and their thresholds:
{points}
#ifndef {guard}
#define {guard}
#include <cstddef>
extern const unsigned char {name}_model[];  // aligned to 16 bytes
extern const size_t {name}_model_size;
extern const char* const {name}_labels[{len(description.labels)}];  // 0 is no keyword
constexpr int {name}_smoothing_hops = {rule.smoothing_hops};
// When it fires, as firing.h takes it: of each keyword, the threshold and the hops in which it does not fire again; hops in a
// row; share of the threshold below which the score must fall (negative: it need not).
constexpr int {name}_scores = {len(rule.thresholds)};
constexpr double {name}_thresholds[] = {{{", ".join(map(repr, rule.thresholds))}}};
constexpr int {name}_refractory_hops[] = {{{", ".join(map(str, rule.refractory))}}};
constexpr int {name}_patience = {rule.patience};
constexpr double {name}_rearm = {-1.0 if rule.rearm is None else rule.rearm!r};
constexpr int {name}_hop_samples = {description.hop};
constexpr size_t {name}_arena_bytes = {arena_estimate(model)};  // an estimate; arena_used_bytes() tells
{_integer_tensors(model, name)}#endif
"""


def _source(model: bytes, description: Description, name: str) -> str:
    labels = ", ".join(json.dumps(label) for label in description.labels)
    lines = (model[i : i + BYTES_A_LINE] for i in range(0, len(model), BYTES_A_LINE))
    body = ",\n  ".join(", ".join(f"0x{byte:02x}" for byte in line) for line in lines)
    return f"""#include "{name}_model.h"
alignas(16) extern const unsigned char {name}_model[] = {{
  {body}}};
extern const size_t {name}_model_size = sizeof({name}_model);
extern const char* const {name}_labels[] = {{{labels}}};
"""


def _integer_tensors(model: bytes, name: str) -> str:
    """Constants for a network with integer input and output: indices and scales of features, posteriors and states.

    For another model the text is empty.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    signature = parsed.signatureDefs[0]
    graph = parsed.subgraphs[signature.subgraphIndex]
    inputs = _placed(signature.inputs, graph.inputs, graph)
    outputs = _placed(signature.outputs, graph.outputs, graph)
    if "features" not in inputs:
        return ""
    states = sorted(inputs.keys() & outputs.keys())
    triples = ", ".join(f"{{{inputs[s][0]}, {outputs[s][0]}, {int(inputs[s][1].zeroPoint[0])}}}" for s in states)
    return (
        _tensor_constants(name, "features", "input", *inputs["features"])
        + _tensor_constants(name, "posteriors", "output", *outputs["posteriors"])
        + f"struct {name}_state {{ int input, output, zero; }};  // what comes out goes in at the next hop; first, all zero\n"
        + f"constexpr {name}_state {name}_states[] = {{{triples}}};\n"
    )


def _placed(entries: Any, order: Any, graph: Any) -> dict[str, tuple[int, Any]]:
    """Maps the names of a signature's tensors to their index among the graph's inputs or outputs, and their quantisation."""
    indices = list(order)
    return {
        entry.name.decode(): (indices.index(entry.tensorIndex), graph.tensors[entry.tensorIndex].quantization)
        for entry in entries
    }


def _tensor_constants(name: str, tensor: str, end: str, place: int, quantization: Any) -> str:
    return (
        f"constexpr int {name}_{tensor}_{end} = {place};\n"
        f"constexpr float {name}_{tensor}_scale = {float(quantization.scale[0]):.9g}f;\n"
        f"constexpr int {name}_{tensor}_zero = {int(quantization.zeroPoint[0])};\n"
    )
