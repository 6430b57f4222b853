"""The report: one self-contained page, without a network."""

import html
import json
from pathlib import Path

from s3rl_jax.evaluate.curves import RATES
from s3rl_jax.evaluate.report import plots as figures
from s3rl_jax.evaluate.report.layer_weights import layer_figure
from s3rl_jax.evaluate.report.model_card import About
from s3rl_jax.evaluate.report.plots import svg, title_of
from s3rl_jax.evaluate.report.worst_clips import Cut, Listening, picture, player

PAGE = Path(__file__).parent / "template"
MOST_POINTS = 300  # of a curve in the threshold chooser
MOST_SPEAKERS = 12  # in a table


def page(measured: dict, tables: dict, listening: Listening, about: About) -> str:
    """HTML out of what is in metrics.json, the curves, the cuts, and the model card."""
    keyword = html.escape(measured["keyword"])
    conditions = measured["conditions"]
    parts = [
        f"<h1>{keyword}</h1><p>{measured['positives']} times said, among {measured['negative_hours']:.2f} hours of other "
        f"speech and noise; split {html.escape(measured['split'])}, run {html.escape(measured['workdir'])}. Scored as one "
        "stream, as a device hears it: smoothed posterior, threshold, deaf for two seconds after each detection.</p>",
        _headline(conditions),
        _hours_warning(measured),
        _rejects(conditions),
        svg(figures.det_figure(tables)),
        _relative(measured),
        _chooser(measured, tables),
        svg(figures.reject_figure(conditions)),
        _accepts(conditions),
        _groups(conditions),
        _cuts(listening.cuts, conditions),
        _training(about),
        _card(about, measured),
    ]
    return document(keyword, "".join(parts))


def document(title: str, body: str) -> str:
    """A page of the report's looks. `title` and `body` are HTML."""
    style = (PAGE / "report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width">'
        f"<title>{title}</title><style>{style}</style></head><body>{body}</body></html>"
    )


def _headline(conditions):
    name, result = next(iter(conditions.items()))
    rate = result["breakdown_at_fa_per_hour"]
    low, high = result["frr_interval_95"][rate]
    late = result["latency_seconds"]
    tiles = [
        (f"{result['frr_at_fa_per_hour'][rate]:.1%}", f"missed at {rate} false accepts an hour ({low:.1%} to {high:.1%})"),
        (f"{result['eer']:.1%}", "equal error rate"),
        (f"{late['median']:.2f} s" if late else "-", "from the word's end to the detection, median"),
        (f"{result['threshold'][rate]:.3f}", f"threshold for {rate} an hour"),
    ]
    shown = "".join(f"<div><b>{value}</b><span>{what}, {title_of(name)}</span></div>" for value, what in tiles)
    return f"<div class=headline>{shown}</div>"


def _hours_warning(measured):
    first = next(iter(measured["conditions"].values()))
    rates = first["too_few_hours_for"]
    if not rates:
        return ""
    upper = first["fa_per_hour_upper_95"][rates[-1]]
    return (
        f"<p class=warning>{first['negative_hours']:.2f} hours cannot show {' or '.join(rates)} false accepts an hour. "
        "At these points the threshold stands above every negative of this stream: none fired, and up to "
        f"{upper:.2g} an hour are not excluded (95 %).</p>"
    )


def _rejects(conditions):
    rows = []
    for name, result in conditions.items():
        cells = []
        for rate in RATES:
            low, high = result["frr_interval_95"][rate]
            speakers = result["frr_interval_95_speakers"][rate]
            told = f"; speakers redrawn {speakers[0]:.1%} to {speakers[1]:.1%}" if speakers else ""
            few = rate in result["too_few_hours_for"]
            note = "<br><span class=few>too few hours</span>" if few else ""
            cells.append(
                f"<td title='95 % interval{told}'>{result['frr_at_fa_per_hour'][rate]:.1%} "
                f"<span class=interval>{low:.1%}-{high:.1%}</span>{note}</td>"
            )
        late = result["latency_seconds"]
        rest = (f"{result['eer']:.1%}", f"{result['auc']:.4f}", f"{late['median']:.2f}, {late['p95']:.2f}" if late else "-")
        rows.append([title_of(name), *cells, *(f"<td>{value}</td>" for value in rest)])
    head = ["condition", *(f"at {rate} FA/h" for rate in RATES), "EER", "AUC", "latency, s: median, 95 %"]
    return (
        "<h2>False rejects</h2><p class=note>Share of the words that are missed when the threshold allows that many false "
        "accepts (FA) an hour, with the 95 % interval (Wilson; held over a cell: by redrawn speakers).</p>" + _table(head, rows)
    )


def _accepts(conditions):
    shares = list(next(iter(conditions.values()))["fa_per_hour_at_frr"])
    rows = []
    for name, result in conditions.items():
        cells = []
        for share in shares:
            low, high = result["fa_per_hour_interval_95"][share]
            rate = result["fa_per_hour_at_frr"][share]
            shown = f"{rate:.1f} <span class=interval>{low:.1f}-{high:.1f}</span>" if rate else f"none; under {high:.1f}"
            cells.append(f"<td>{shown}</td>")
        rows.append([title_of(name), *cells])
    head = ["condition", *(f"{float(share):.0%} missed" for share in shares)]
    return (
        "<h2>False accepts an hour</h2><p class=note>At the highest threshold that misses no more, with the 95 % interval "
        "(Poisson). Where none was counted, the hours show no more than the bound.</p>" + _table(head, rows)
    )


def _relative(measured):
    if "relative_far" not in measured:
        return ""
    rows = []
    for name in measured["conditions"]:
        ratio, interval = measured["relative_far"][name], measured["relative_far_interval_95"][name]
        shown = "the baseline has no false accept there" if ratio is None else f"{ratio:.2f}"
        ends = "" if not interval else f"{interval[0]:.2f} to {'any' if interval[1] is None else f'{interval[1]:.2f}'}"
        rows.append([title_of(name), f"<td>{shown}</td>", f"<td>{ends}</td>"])
    return (
        f"<h2>Against {html.escape(measured['relative_far']['baseline'])}</h2><p class=note>False accepts relative to it, at "
        f"{html.escape(measured['relative_far_at'])}: below 1 is better. 95 % interval of a paired bootstrap over speakers and "
        "stretches of the stream. Dashed in the figure above.</p>" + _table(["condition", "relative", "interval"], rows)
    )


def _chooser(measured, tables):
    curves = []
    for name, table in tables.items():
        curve = table["curve"]
        step = max(1, len(curve.threshold) // MOST_POINTS)
        kept = {"threshold": curve.threshold, "rejects": curve.false_rejects, "accepts": curve.false_accepts}
        points = {what: values[::-step][::-1].tolist() for what, values in kept.items()}
        curves.append({"name": title_of(name), "words": curve.words, "hours": curve.hours, **points})
    first = next(iter(measured["conditions"].values()))
    data = {"curves": curves, "start": first["threshold"][first["breakdown_at_fa_per_hour"]]}
    held = json.dumps(data).replace("<", "\\u003c")
    script = (PAGE / "chooser.js").read_text(encoding="utf-8")
    return (
        "<h2>Choose a threshold</h2><div class=chooser><label>threshold <b id=value></b>"
        "<input type=range id=threshold min=0 step=1></label><table><thead><tr><th>condition</th><th>missed</th><th></th>"
        "<th>false accepts an hour</th><th></th></tr></thead><tbody id=chosen></tbody></table></div>"
        f"<script type=application/json id=curves>{held}</script><script>{script}</script>"
    )


def _groups(conditions):
    rate = next(iter(conditions.values()))["breakdown_at_fa_per_hour"]
    people = {name: result["by_speaker"] for name, result in conditions.items()}
    noises = {name: result["by_noise"] for name, result in conditions.items() if "by_noise" in result}
    shown = (
        f"<h2>Who is missed</h2><p class=note>At the threshold of {rate} false accepts an hour in each condition; the "
        f"{MOST_SPEAKERS} speakers that are missed most.</p>{_missed('speaker', people, MOST_SPEAKERS)}"
    )
    if noises:
        shown += (
            "<h2>In which noise</h2><p class=note>Words missed, and false accepts, while that noise was heard, at the same "
            f"thresholds.</p>{_missed('noise', noises, 100)}"
        )
    return shown


def _missed(what, tables, most):
    """Of each group in each condition; the worst first."""
    groups = {name for table in tables.values() for name in table}
    lost = {g: sum(table[g].get("missed", 0) for table in tables.values() if g in table) for g in groups}
    rows = []
    for group in sorted(groups, key=lambda g: (-lost[g], g))[:most]:
        cells = []
        for table in tables.values():
            row = table.get(group, {"words": 0})
            missed = f"{row['missed']} of {row['words']}" if row["words"] else "-"
            fired = f" <span class=interval>{row['false_accepts']} FA</span>" if "false_accepts" in row else ""
            cells.append(f"<td>{missed}{fired}</td>")
        rows.append([html.escape(group), *cells])
    return _table([what, *map(title_of, tables)], rows)


def _cuts(cuts: list[Cut], conditions):
    shown = []
    for name in conditions:
        for missed, what in ((True, "Words that are missed"), (False, "What fires and should not")):
            own = [cut for cut in cuts if cut.condition == name and cut.missed == missed]
            if own:
                shown.append(f"<h3>{what}, {title_of(name)}</h3><div class=cuts>{''.join(map(_cut, own))}</div>")
    if not shown:
        shown = ["<p>Nothing: no word is missed and nothing fires in the conditions that are kept.</p>"]
    return "<h2>Listen to the worst</h2>" + "".join(shown)


def _cut(cut: Cut):
    part = cut.part
    said = html.escape(f"{part.id} ({part.label or part.kind})")
    heard = f"<audio controls preload=none src='{player(cut.audio)}'></audio>"
    about = f"{said}<br>score {cut.score:.3f}, at {cut.at:.1f} s of the stream"
    return f"<figure><img alt='log-mel energies' src='{picture(cut.audio)}'>{heard}<figcaption>{about}</figcaption></figure>"


def _training(about: About):
    drawn = [figures.training_figure(about.logged)]
    if about.teacher_workdir:
        drawn.append(layer_figure(about.teacher_workdir))
    shown = "".join(svg(figure) for figure in drawn if figure)
    return f"<h2>How it was trained</h2>{shown}" if shown else ""


def _card(about: About, measured):
    facts = [[html.escape(what), f"<td class=text>{html.escape(value)}</td>"] for what, value in about.facts]
    heard = [
        [html.escape(name), f"<td>{count}</td>", f"<td>{speakers or ''}</td>", f"<td>{hours:.2f}</td>"]
        for name, count, speakers, hours in about.heard
    ]
    lost = "".join(f"<li>{html.escape(title_of(n))}: {html.escape(why)}</li>" for n, why in measured["not_measured"].items())
    missing = f"<p>Not measured:</p><ul>{lost}</ul>" if lost else ""
    return (
        f"<h2>Model card</h2>{_table(['', ''], facts)}<h2>What it was measured on</h2>"
        f"{_table(['label', 'recordings', 'speakers', 'hours'], heard)}{missing}"
    )


def _table(head, rows):
    """Of headings and rows; a row's first cell is bare text."""
    body = "".join(f"<tr><td>{row[0]}</td>{''.join(row[1:])}</tr>" for row in rows)
    return f"<div class=wide><table><tr>{''.join(f'<th>{title}</th>' for title in head)}</tr>{body}</table></div>"
