import json
import xml.etree.ElementTree as ET

from s3rl_jax.evaluate.report.layer_weights import plot_layer_weights


def test_every_layer_is_drawn(tmp_path):
    rows = [
        {"step": step, "loss": 1.0, "layer_weight_0": 0.5, "layer_weight_10": 0.2, "layer_weight_2": 0.3} for step in (5, 9)
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = plot_layer_weights(tmp_path)
    assert path == tmp_path / "report/layer_weights.svg"
    assert ET.parse(path).getroot().tag.endswith("svg")
    comments = [line.strip(" <!->") for line in path.read_text().splitlines() if line.strip().startswith("<!--")]
    assert "After step 9" in comments
    assert [c for c in comments if c in ("0", "2", "10")][-3:] == ["0", "2", "10"], "the legend, in order"


def test_a_run_without_layer_weights_has_no_figure(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"step": 1, "loss": 1.0}) + "\n")
    assert plot_layer_weights(tmp_path) is None
    assert not (tmp_path / "report").exists()
