"""TensorFlow Lite Micro: the operators that it supports, and the memory that a model needs there."""

from typing import Any

from s3rl_jax.export.conversion import NotExportable, operators

# Kernels of TensorFlow Lite Micro (micro_mutable_op_resolver.h) that a speech model may need.
_KERNEL_NAMES = """
    ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_TO CALL_ONCE
    CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU EQUAL EXP EXPAND_DIMS FILL FLOOR
    FULLY_CONNECTED GATHER HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL NEG
    PACK PAD PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_MAX RELU RELU6 RESHAPE ROUND RSQRT SELECT_V2 SHAPE SIN SLICE
    SOFTMAX SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE
    TRANSPOSE_CONV UNPACK VAR_HANDLE ZEROS_LIKE
"""
KERNELS = frozenset(_KERNEL_NAMES.split())
# Those that ESPHome's micro_wake_word registers (StreamingModel::register_streaming_ops_).
_ESPHOME_NAMES = """
    ADD ASSIGN_VARIABLE AVERAGE_POOL_2D CALL_ONCE CONCATENATION CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED LOGISTIC
    MAX_POOL_2D MEAN MUL PACK PAD QUANTIZE READ_VARIABLE RESHAPE SPLIT_V STRIDED_SLICE VAR_HANDLE
"""
TARGET_KERNELS = {"tflm": KERNELS, "esphome": frozenset(_ESPHOME_NAMES.split())}
RUNTIMES = {"tflm": "TensorFlow Lite Micro", "esphome": "micro_wake_word"}
ITEM_BYTES = {"FLOAT32": 4, "INT32": 4, "INT64": 8, "INT16": 2, "INT8": 1, "UINT8": 1, "BOOL": 1, "COMPLEX64": 8, "RESOURCE": 4}
ALIGNMENT = 16  # bytes
# Bytes of the interpreter's tables in the arena, as its allocator reports them on a 64-bit machine: for each tensor, for each
# operator, for each channel of a weight, and in addition.
TENSOR_BYTES, OPERATOR_BYTES, CHANNEL_BYTES, TABLE_BYTES = 24, 112, 8, 2048
MARGIN = 1.1  # factor of the estimate


def check_operators(model: bytes, target: str) -> None:
    """Checks that a target, tflm or esphome, has a kernel for each operator of a file.

    Raises:
      NotExportable: names the operators without a kernel.
    """
    missing = sorted(set(operators(model)) - TARGET_KERNELS[target])
    if missing:
        front_end = " The front end's RFFT2D stays on the device with --io=int8." if "RFFT2D" in missing else ""
        gelu = " A conv student has no GELU." if "GELU" in missing else ""
        raise NotExportable(f"--target={target}: no kernel for {', '.join(missing)} in {RUNTIMES[target]}.{front_end}{gelu}")


def arena_estimate(model: bytes) -> int:
    """Estimates the bytes of the tensor arena: the largest sum of activations in use at once, and the interpreter's tables.

    The estimate is for a 64-bit machine, plus a tenth. A microcontroller, whose pointers are half as long, needs less;
    `arena_used_bytes()` measures it on the device.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    types = {code: name for name, code in vars(schema.TensorType).items() if not name.startswith("_")}
    graphs = flatbuffer_utils.read_model_from_bytearray(bytearray(model)).subgraphs
    bodies = [graph for graph in graphs if len(graph.outputs)]
    largest = max(_activation_bytes(graph, types) + _table_bytes(graph, types) for graph in bodies)
    # A graph without outputs assigns the variables of a state, which stay in the arena.
    variables = sum(_state_bytes(graph, types) + _table_bytes(graph, types) for graph in graphs if not len(graph.outputs))
    return round(MARGIN * (largest + variables))


def _activation_bytes(graph: Any, types: dict[int, str]) -> int:
    """Highest number of bytes in use during an operator. A tensor is in use from its first writer to its last reader."""
    first, last = dict.fromkeys(graph.inputs, 0), {}
    for i, operator in enumerate(graph.operators):
        first |= {tensor: first.get(tensor, i) for tensor in operator.outputs}
        last |= dict.fromkeys(operator.inputs, i)
    last |= dict.fromkeys(graph.outputs, len(graph.operators))
    sizes = {index: _tensor_bytes(graph.tensors[index], types) for index in first}
    return max(
        sum(sizes[index] for index in first if first[index] <= i <= last.get(index, first[index]))
        for i in range(len(graph.operators))
    )


def _state_bytes(graph: Any, types: dict[int, str]) -> int:
    return sum(_tensor_bytes(tensor, types) for tensor in graph.tensors)


def _tensor_bytes(tensor: Any, types: dict[int, str]) -> int:
    elements = 1
    for length in tensor.shape if tensor.shape is not None else ():
        elements *= int(length)
    return -(-elements * ITEM_BYTES[types[tensor.type]] // ALIGNMENT) * ALIGNMENT


def _table_bytes(graph: Any, types: dict[int, str]) -> int:
    scales = [t.quantization.scale for t in graph.tensors if t.quantization is not None and types[t.type] == "INT8"]
    channels = sum(len(scale) for scale in scales if scale is not None and len(scale) > 1)
    return TENSOR_BYTES * len(graph.tensors) + OPERATOR_BYTES * len(graph.operators) + CHANNEL_BYTES * channels + TABLE_BYTES
