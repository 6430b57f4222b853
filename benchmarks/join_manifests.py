"""Joins manifests into one, selecting recordings by split and licence.

    python -m benchmarks.join_manifests --out=/data/free.csv --splits=train --without="SA,no licence file,Freesound" \\
        /data/audio/manifest.csv /data/more/manifest.csv

The joined manifest must be in a folder that contains all the recordings: s3rl_jax.prepare refuses paths outside of it.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description="Joins manifests into one.")
    parser.add_argument("manifests", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path, help="the manifest to write")
    parser.add_argument("--splits", default="train,validation,test", help="splits to keep, comma-separated")
    parser.add_argument("--as-split", default="", help="new split of all rows; empty: unchanged")
    parser.add_argument("--without", default="", help="texts, comma-separated; rows whose licence contains one are left out")
    parser.add_argument("--without-labels", default="", help="labels, comma-separated; their recordings are left out")
    args = parser.parse_args()
    words = {word.strip().lower() for word in args.without_labels.split(",")} - {""}
    splits, refused = set(args.splits.split(",")), [text for text in args.without.split(",") if text]
    rows = [row for path in args.manifests for row in read(path)]
    held_out = {row["speaker"] for row in rows if row["split"] not in splits and row.get("speaker")}
    kept, hours = [], Counter()
    for row in rows:
        licence = row.get("licence") or ""
        # Speakers of a split that is not kept are left out, so that the splits share no voice.
        if row["split"] not in splits or row.get("speaker") in held_out or any(text in licence for text in refused):
            continue
        if (row.get("label") or "").lower() in words:
            continue
        kept.append(row | {"split": args.as_split or row["split"]})
        hours[licence] += float(row.get("seconds") or 0) / 3600
    columns = list(dict.fromkeys(name for row in kept for name in row))
    with open(args.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(kept)
    print(f"{args.out}: {len(kept)} of {len(rows)} recordings, {sum(hours.values()):.2f} h")
    for licence, amount in sorted(hours.items()):
        print(f"  {amount:7.2f} h  {licence or 'no stated licence'}")


def read(path: Path) -> list[dict[str, str]]:
    """Reads the rows of a manifest, and makes their paths absolute."""
    with open(path, newline="", encoding="utf-8") as file:
        return [row | {"path": str(path.parent.resolve() / row["path"])} for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
