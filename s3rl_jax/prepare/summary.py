"""The summary of a corpus: counts of recordings and of doubtful recordings, as `summary.json` and as text."""

import collections
from pathlib import Path

from s3rl_jax.audio.read import SAMPLE_RATE
from s3rl_jax.corpus.keywords import PARTIAL, label_class
from s3rl_jax.corpus.layout import NAME, VERSION

SILENT_PEAK = 33  # -60 dB of full scale
CLIPPED_SHARE = 1e-3  # share of samples at full scale above which a clip counts as clipped
MAX_LABELS = 200  # labels in summary.json; transcripts would fill it
MAX_NAMED = 8  # names in a line of text


def summarise(indices: dict[str, list[dict]], rejected: list, keywords: tuple[str, ...] = ()) -> dict:
    """Computes the summary from the indices of the shards of each split.

    Args:
      indices: indices of the shards, for each split.
      rejected: rejected files with their reasons.
      keywords: words whose recordings are counted.

    Returns:
      `splits`: for each split and kind the numbers of clips, hours and speakers, the number of clips of each label, that of
      each source (of synthetic speech, the engine) and its speakers (the voices), and the numbers of clipped and silent clips;
      `rejected`: number of rejected files, and `reasons`: that number for each reason; `duplicates`: number of clips whose
      samples equal those of an earlier one, and `duplicates_across_splits`; `speakers_in_several_splits`: their names; with
      keywords, `keywords`: the number of recordings of each, and `left_out`: that of recordings that hold one among others.
    """
    rows = []
    splits_of = {"speaker": collections.defaultdict(set), "digest": collections.defaultdict(set)}
    clips = 0
    for split, parts in indices.items():
        kinds = collections.defaultdict(_no_counts)
        for index in parts:
            sources = index.get("source") or [""] * len(index["kind"])
            for place, kind in enumerate(index["kind"]):
                count, samples = kinds[kind], index["samples"][place]
                count["clips"] += 1
                count["samples"] += samples
                count["labels"][index["label"][place]] += 1
                count["speakers"].add(index["speaker"][place])
                if source := sources[place]:
                    count["sources"][source][index["speaker"][place]] += 1
                count["clipped"] += index["clipped"][place] > CLIPPED_SHARE * samples
                count["silent"] += index["peak"][place] < SILENT_PEAK
                for name, splits in splits_of.items():
                    splits[index[name][place]].add(split)
        clips += sum(count["clips"] for count in kinds.values())
        rows += [_row(split, kind, count) for kind, count in kinds.items()]
    several = {name: sorted(k for k, v in splits.items() if k and len(v) > 1) for name, splits in splits_of.items()}
    return {
        "splits": rows,
        "rejected": len(rejected),
        "reasons": dict(collections.Counter(row.reason.split(":")[0] for row in rejected).most_common()),
        "duplicates": clips - len(splits_of["digest"]),
        "duplicates_across_splits": len(several["digest"]),
        "speakers_in_several_splits": several["speaker"],
        **(_keyword_counts(indices, keywords) if keywords else {}),
    }


def describe(summary: dict, out: str) -> str:
    """Formats the summary as lines of text; doubtful recordings come last."""
    lines = []
    for row in summary["splits"]:
        line = (
            f"{row['split']:<10} {row['kind']:<16} {row['clips']:>7} clips {row['hours']:>9.2f} h {row['speakers']:>5} speakers"
        )
        doubts = ", ".join(f"{row[name]} {name}" for name in ("clipped", "silent") if row[name])
        lines.append(f"{line}   {doubts}".rstrip())
        if row["kind"] == "speech" and row["labels"]:
            lines.append(f"{'':<10} {_listed([f'{label} {count}' for label, count in row['labels'].items()])}")
        if row["kind"] == "speech" and row["sources"]:
            counts = [f"{name} {count['clips']}" for name, count in row["sources"].items()]
            lines.append(f"{'':<10} from {_listed(counts)}")
    if summary["rejected"]:
        reasons = _listed([f"{reason} ({count})" for reason, count in summary["reasons"].items()])
        lines.append(f"{summary['rejected']} files were skipped: {reasons}; see {Path(out) / NAME / VERSION / 'rejected.csv'}")
    if summary.get("left_out"):
        lines.append(f"{summary['left_out']} clips hold a keyword among other words: neither positives nor negatives")
    if summary["duplicates"]:
        lines.append(f"{summary['duplicates']} clips have the same samples as another clip")
    if summary["duplicates_across_splits"]:
        lines.append(
            f"warning: {summary['duplicates_across_splits']} recordings are in several splits: an evaluation on one split "
            "would measure recordings that were trained on"
        )
    if named := summary["speakers_in_several_splits"]:
        lines.append(f"warning: {len(named)} speakers are in several splits; their voices are not new to it: {_listed(named)}")
    return "\n".join(lines)


def _keyword_counts(indices: dict[str, list[dict]], keywords: tuple[str, ...]) -> dict:
    classes: collections.Counter = collections.Counter()
    for index in (index for parts in indices.values() for index in parts):
        placed = index.get("placed", [False] * len(index["label"]))
        columns = zip(index["kind"], index["label"], placed, strict=True)
        classes.update(label_class(label, bool(place), keywords) for kind, label, place in columns if kind == "speech")
    return {
        "keywords": {keyword: classes[place] for place, keyword in enumerate(keywords, 1)},
        "left_out": classes[PARTIAL],
    }


def _no_counts() -> dict:
    counts = {"clips": 0, "samples": 0, "labels": collections.Counter(), "speakers": set(), "clipped": 0, "silent": 0}
    return counts | {"sources": collections.defaultdict(collections.Counter)}


def _row(split: str, kind: str, count: dict) -> dict:
    labels = [(label, number) for label, number in count.pop("labels").most_common(MAX_LABELS + 1) if label]
    hours = round(count.pop("samples") / SAMPLE_RATE / 3600, 4)
    speakers = len(count.pop("speakers") - {""})
    sources = {
        name: {"clips": voices.total(), "speakers": dict(voices.most_common(MAX_LABELS))}
        for name, voices in count.pop("sources").items()
    }
    row = {"split": split, "kind": kind, **count, "hours": hours, "speakers": speakers, "labels": dict(labels[:MAX_LABELS])}
    return row | {"sources": sources}


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
