"""A state inside a .tflite, in resource variables, as ESPHome's micro_wake_word and microWakeWord's runtime expect it."""

import numpy as np

from s3rl_jax.export.graph_editor import GraphEditor
from s3rl_jax.export.tflite_states import state_tensors

# Versions of the operators for integer tensors. The quantiser writes newer ones, which older runtimes refuse.
VERSIONS = {
    "ADD": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "LOGISTIC": 2,
    "STRIDED_SLICE": 2,
}
PROBABILITY_SCALE = 1 / 256  # of int8 and uint8 outputs of LOGISTIC


def with_variables(content: bytes) -> bytes:
    """Moves the state of a file into variables, which are zero before the first call, and makes its output uint8.

    Each SLICE, which micro_wake_word does not have, becomes a STRIDED_SLICE.

    Args:
      content: a .tflite with one signature and integer tensors. Its states have equal scales as input and output; `posteriors`
        is the output of a LOGISTIC.

    Returns:
      A .tflite with the input `features` and the output `posteriors`.
    """
    editor = GraphEditor(content)
    _replace_slices(editor)
    _move_state(editor)
    unsigned = editor.tensor(
        editor.graph,
        "UINT8",
        editor.graph.tensors[editor.outputs["posteriors"]].shape,
        quantization=editor.quantization(PROBABILITY_SCALE, 0),
    )
    editor.graph.operators.append(editor.operator("QUANTIZE", [editor.outputs["posteriors"]], [unsigned]))
    editor.outputs["posteriors"] = unsigned
    editor.keep_ends(["features"], ["posteriors"])
    editor.set_versions(VERSIONS)
    return editor.content()


def _replace_slices(editor: GraphEditor) -> None:
    for place, operator in enumerate(editor.graph.operators):
        if editor.name(operator) == "SLICE":
            begin, size = (editor.constant(tensor) for tensor in operator.inputs[1:])
            bounds = [
                editor.tensor(editor.graph, "INT32", [len(begin)], values)
                for values in (begin, begin + size, np.ones_like(begin))
            ]
            inputs = [operator.inputs[0], *bounds]
            editor.graph.operators[place] = editor.operator("STRIDED_SLICE", inputs, list(operator.outputs))


def _move_state(editor: GraphEditor) -> None:
    """Reads each state before its first use, and assigns its next value as soon as it is computed."""
    ((graph, states),) = state_tensors(editor.model)
    handles = {name: editor.tensor(graph, "RESOURCE", []) for name in states}
    operators = [
        editor.operator("CALL_ONCE", [], [], initSubgraphIndex=len(editor.model.subgraphs)),
        *(editor.operator("VAR_HANDLE", [], [handle], sharedName=name) for name, handle in handles.items()),
    ]
    unread = {name: before for name, (before, _) in states.items()}
    for operator in graph.operators:
        for name in [name for name, before in unread.items() if before in operator.inputs]:
            operators.append(editor.operator("READ_VARIABLE", [handles[name]], [unread.pop(name)]))
        operators.append(operator)
        computed = [name for name, (_, after) in states.items() if after in operator.outputs]
        operators += [editor.operator("ASSIGN_VARIABLE", [handles[name], states[name][1]], []) for name in computed]
    graph.operators = operators
    _assign_zeros(editor, states)


def _assign_zeros(editor: GraphEditor, states: dict[str, tuple[int, int]]) -> None:
    """Adds the subgraph that CALL_ONCE runs: it assigns zero, as each state's scale has it."""
    initial = editor.subgraph("initial")
    for name, (before, _) in states.items():
        state = editor.graph.tensors[before]
        zeros = np.full(state.shape, state.quantization.zeroPoint[0], np.int8)
        handle = editor.tensor(initial, "RESOURCE", [])
        constant = editor.tensor(initial, "INT8", state.shape, zeros, state.quantization)
        initial.operators += [
            editor.operator("VAR_HANDLE", [], [handle], sharedName=name),
            editor.operator("ASSIGN_VARIABLE", [handle, constant], []),
        ]
