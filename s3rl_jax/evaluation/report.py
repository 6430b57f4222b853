"""The report: one self-contained page, without a network."""

import bisect
import html
import io

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.evaluation.curves import RATES
from s3rl_jax.evaluation.stream import Stream

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2430; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #dde3ea; }
td:first-child, th:first-child { text-align: left; } .interval, .note { color: #66717f; font-size: .88em; }
.warning { background: #fff6e0; border-left: 4px solid #e0a100; padding: .6rem 1rem; } svg { max-width: 100%; height: auto; }
"""


def page(measured: dict, tables: dict, stream: Stream) -> str:
    """HTML out of what is in metrics.json, the curves, and the stream's parts."""
    keyword = html.escape(measured["keyword"])
    figures = "".join(_svg(draw) for draw in (_det_figure(tables), _snr_figure(measured)))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{keyword}</title><style>{_STYLE}</style>"
        f"<h1>{keyword}</h1><p>{measured['positives']} times said, among {measured['negative_hours']:.2f} hours of other "
        f"speech and noise; split {html.escape(measured['split'])}, run {html.escape(measured['workdir'])}. Scored as one "
        "stream: smoothed posterior, threshold, one second without a second detection.</p>"
        f"{_hours_warning(measured)}{_table(measured)}{figures}{_worst(tables, stream)}</html>"
    )


def _hours_warning(measured):
    rates = measured["conditions"]["clean"]["too_few_hours_for"]
    if not rates:
        return ""
    upper = measured["conditions"]["clean"]["fa_per_hour_upper_95"][rates[-1]]
    return (
        f"<p class=warning>{measured['negative_hours']:.2f} hours cannot show {' or '.join(rates)} false accepts an hour. "
        "At these points the threshold stands above every negative of this stream: none fired, and up to "
        f"{upper:.2g} an hour are not excluded (95 %).</p>"
    )


def _table(measured):
    head = "".join(f"<th>at {rate} FA/h</th>" for rate in RATES)
    rows = []
    for name, result in measured["conditions"].items():
        cells = "".join(
            f"<td>{result['frr_at_fa_per_hour'][rate]:.1%} <span class=interval>"
            f"{result['frr_interval_95'][rate][0]:.1%}-{result['frr_interval_95'][rate][1]:.1%}</span></td>"
            for rate in RATES
        )
        rows.append(f"<tr><td>{_title(name)}</td>{cells}<td>{result['eer']:.1%}</td><td>{result['auc']:.4f}</td></tr>")
    return (
        "<h2>False rejects</h2><p class=note>Share of the words that are missed when the threshold allows that many false "
        "accepts (FA) an hour, with the 95 % interval.</p>"
        f"<table><tr><th>condition</th>{head}<th>EER</th><th>AUC</th></tr>{''.join(rows)}</table>"
    )


def _det_figure(tables) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for name, table in tables.items():
        curve = table["curve"]
        axes.step(curve.false_accepts / curve.hours, 100 * curve.false_rejects / curve.words, where="post", label=_title(name))
    axes.set(xscale="symlog", xlabel="false accepts an hour", ylabel="false rejects, %", ylim=(0, 100), title="Trade-off")
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(0, 200)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _snr_figure(measured) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 3.5))
    names = list(measured["conditions"])
    for rate in RATES[1:]:
        results = [measured["conditions"][name] for name in names]
        axes.plot(names, [100 * r["frr_at_fa_per_hour"][rate] for r in results], marker="o", label=f"at {rate} FA/h")
    axes.set_xticks(range(len(names)), [_title(name) for name in names])
    axes.set(ylabel="false rejects, %", ylim=(0, 100), title="False rejects by condition")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _worst(tables, stream: Stream):
    clean = tables["clean"]
    words = [part for part in stream.parts if part.positive]
    misses = sorted(zip(clean["peaks"], words, strict=True), key=lambda pair: pair[0])[:10]
    starts = [part.start for part in stream.parts]

    def heard(seconds):
        part = stream.parts[max(0, bisect.bisect_right(starts, int(seconds * SAMPLE_RATE)) - 1)]
        return html.escape(f"{part.id} ({part.label or part.kind})")

    missed = "".join(f"<tr><td>{html.escape(part.id)}</td><td>{peak:.3f}</td></tr>" for peak, part in misses)
    fired = "".join(
        f"<tr><td>{heard(t)}</td><td>{t:.1f} s</td><td>{score:.3f}</td></tr>" for score, t in clean["false_accepts"]
    )
    return (
        f"<h2>Words with the lowest scores (clean)</h2><table><tr><th>recording</th><th>score</th></tr>{missed}</table>"
        "<h2>False accepts with the highest scores (clean, at 10 FA/h)</h2>"
        f"<table><tr><th>recording</th><th>in the stream at</th><th>score</th></tr>{fired}</table>"
    )


def _title(name):
    return f"{name.removeprefix('snr_')} dB SNR" if name.startswith("snr_") else name


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight")
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
