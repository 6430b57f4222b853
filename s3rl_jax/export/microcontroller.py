"""For microcontrollers: what TensorFlow Lite Micro runs, the model as a C array, and the manifest of micro_wake_word."""

import json
from pathlib import Path

from s3rl_jax.detect.detector import threshold_of
from s3rl_jax.export.conversion import NotExportable, operators

# The kernels of TensorFlow Lite Micro (micro_mutable_op_resolver.h), as far as a speech model could ask for them.
NAMES = """
    ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_TO CALL_ONCE
    CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU EQUAL EXP EXPAND_DIMS FILL FLOOR
    FULLY_CONNECTED GATHER HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL NEG
    PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_MAX RELU RELU6 RESHAPE ROUND RSQRT SELECT_V2 SHAPE SIN SLICE
    SOFTMAX SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE
    TRANSPOSE_CONV UNPACK VAR_HANDLE ZEROS_LIKE
"""
KERNELS = frozenset(NAMES.split())
BYTES = {"FLOAT32": 4, "INT32": 4, "INT64": 8, "INT16": 2, "INT8": 1, "UINT8": 1, "BOOL": 1, "COMPLEX64": 8}
# Of the interpreter's own tables in the arena, as its allocator reports them on a 64-bit machine: for a tensor, an operator, a
# channel of a weight, and for all.
TENSOR_BYTES, OPERATOR_BYTES, CHANNEL_BYTES, TABLE_BYTES = 24, 112, 8, 2048
MARGIN = 1.1


def check_operators(model: bytes) -> None:
    """Raises `NotExportable` naming the operators that TensorFlow Lite Micro has no kernel for."""
    missing = sorted(set(operators(model)) - KERNELS)
    if missing:
        front_end = " The front end's RFFT2D stays on the device with --io=int8." if "RFFT2D" in missing else ""
        gelu = " A conv student has no GELU." if "GELU" in missing else ""
        raise NotExportable(f"--target=tflm: no kernel for {', '.join(missing)} in TensorFlow Lite Micro.{front_end}{gelu}")


def arena_estimate(model: bytes) -> int:
    """Bytes of tensor arena: the most that is alive at once of the activations, and the interpreter's tables.

    An estimate for a 64-bit machine, with a tenth to spare; a microcontroller, whose pointers are half as long, needs less.
    `arena_used_bytes()` on the device tells.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    kinds = {code: name for name, code in vars(schema.TensorType).items() if not name.startswith("_")}
    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    largest = 0
    for graph in parsed.subgraphs:
        born, dies = dict.fromkeys(graph.inputs, 0), {}
        for i, operator in enumerate(graph.operators):
            born |= {tensor: born.get(tensor, i) for tensor in operator.outputs}
            dies |= dict.fromkeys(operator.inputs, i)
        dies |= dict.fromkeys(graph.outputs, len(graph.operators))

        def size(tensor, graph=graph):
            elements = 1
            for length in graph.tensors[tensor].shape if graph.tensors[tensor].shape is not None else ():
                elements *= int(length)
            return -(-elements * BYTES[kinds[graph.tensors[tensor].type]] // 16) * 16

        alive = [
            sum(size(tensor) for tensor in born if born[tensor] <= i <= dies.get(tensor, born[tensor]))
            for i in range(len(graph.operators))
        ]
        scales = [t.quantization.scale for t in graph.tensors if t.quantization is not None and kinds[t.type] == "INT8"]
        channels = sum(len(scale) for scale in scales if scale is not None and len(scale) > 1)
        tables = TENSOR_BYTES * len(graph.tensors) + OPERATOR_BYTES * len(graph.operators) + CHANNEL_BYTES * channels
        largest = max(largest, round(MARGIN * (max(alive) + tables + TABLE_BYTES)))
    return largest


def write_c_array(model: bytes, described: dict, path: Path) -> list[Path]:
    """Writes NAME_model.h and NAME_model.cc beside `path`: the model, its labels, thresholds, sizes and arena.

    Returns:
      The files.
    """
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in path.stem)
    name = f"m_{name}" if name[0].isdigit() else name
    guard, arena = f"{name.upper()}_MODEL_H_", arena_estimate(model)
    threshold = threshold_of(described["threshold"], None, path.name)
    labels = ", ".join(json.dumps(label) for label in described["labels"])
    points = "\n".join(f"//   {rate}: {threshold}" for rate, threshold in described["threshold"].items())
    header = f"""// Written by s3rl_jax.export. Keyword: {described["labels"][1:]}; false accepts an hour and their thresholds:
{points}
#ifndef {guard}
#define {guard}
#include <cstddef>
extern const unsigned char {name}_model[];  // aligned to 16 bytes
extern const size_t {name}_model_size;
extern const char* const {name}_labels[{len(described["labels"])}];  // 0 is no keyword
constexpr float {name}_threshold = {threshold:.6f}f;  // of the mean of the keyword's posterior over the last hops
constexpr int {name}_smoothing_hops = {described["smoothing"]["hops"]};
constexpr float {name}_refractory_seconds = {described["refractory_seconds"]:.2f}f;
constexpr int {name}_hop_samples = {described["hop"]};
constexpr size_t {name}_arena_bytes = {arena};  // an estimate; arena_used_bytes() tells
{_edges(model, name)}#endif
"""
    rows = [", ".join(f"0x{byte:02x}" for byte in model[i : i + 16]) for i in range(0, len(model), 16)]
    body = ",\n  ".join(rows)
    source = f"""#include "{name}_model.h"
alignas(16) extern const unsigned char {name}_model[] = {{
  {body}}};
extern const size_t {name}_model_size = sizeof({name}_model);
extern const char* const {name}_labels[] = {{{labels}}};
"""
    files = [path.with_name(f"{name}_model.h"), path.with_name(f"{name}_model.cc")]
    for file, text in zip(files, (header, source), strict=True):
        file.write_text(text, encoding="utf-8")
    return files


def _edges(model: bytes, name: str) -> str:
    """Which tensor is what, and its scale, of a model whose inputs and outputs are integers; nothing for another one."""
    from ai_edge_litert.tools import flatbuffer_utils

    parsed = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    signature = parsed.signatureDefs[0]
    graph = parsed.subgraphs[signature.subgraphIndex]
    ins, outs = (
        {e.name.decode(): (list(order).index(e.tensorIndex), graph.tensors[e.tensorIndex].quantization) for e in edge}
        for edge, order in ((signature.inputs, graph.inputs), (signature.outputs, graph.outputs))
    )
    if "features" not in ins:
        return ""

    def edge(kind, tensor, place, quantization):
        return (
            f"constexpr int {name}_{tensor}_{kind} = {place};\n"
            f"constexpr float {name}_{tensor}_scale = {float(quantization.scale[0]):.9g}f;\n"
            f"constexpr int {name}_{tensor}_zero = {int(quantization.zeroPoint[0])};\n"
        )

    states = sorted(ins.keys() & outs.keys())
    pairs = ", ".join(f"{{{ins[state][0]}, {outs[state][0]}, {int(ins[state][1].zeroPoint[0])}}}" for state in states)
    return (
        edge("input", "features", *ins["features"])
        + edge("output", "posteriors", *outs["posteriors"])
        + f"struct {name}_state {{ int input, output, zero; }};  // what comes out goes in at the next hop; first, all zero\n"
        + f"constexpr {name}_state {name}_states[] = {{{pairs}}};\n"
    )


def write_esphome_manifest(model: bytes, described: dict, path: Path) -> Path:
    """Writes NAME.esphome.json, a version 2 manifest of ESPHome's micro_wake_word.

    The manifest fits; the model does not run there unchanged, for three reasons that docs/device.md lists.
    """
    manifest = {
        "type": "micro",
        "wake_word": described["labels"][1],
        "author": "s3rl_jax",
        "version": 2,
        "model": path.name,
        "trained_languages": ["en"],
        "micro": {
            "probability_cutoff": round(threshold_of(described["threshold"], None, path.name), 4),
            "sliding_window_size": described["smoothing"]["hops"],
            "feature_step_size": 10,
            "tensor_arena_size": arena_estimate(model),
            "minimum_esphome_version": "2024.7.0",
        },
    }
    file = path.with_suffix(".esphome.json")
    file.write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    return file
