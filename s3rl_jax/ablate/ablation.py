"""The paper's tables: rows of students that differ in their objectives. What `python -m s3rl_jax.ablate` does."""

import json
from collections.abc import Iterator
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.ablate.table import Row, markdown, table_of
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.sweep_members import folder_name
from s3rl_jax.evaluate.curves import RATES
from s3rl_jax.evaluate.evaluation import evaluate
from s3rl_jax.runs.workdir import MEMBERS, claim, saved_steps
from s3rl_jax.tasks.objectives.registry import OBJECTIVES
from s3rl_jax.train import run as training
from s3rl_jax.train.prerequisites import pretrained_teacher

REPORT = "report"  # in each detector's folder
TABLE, FIGURES = "ablation.md", "ablation.json"


def run(config: ConfigDict, workdir: Path, allow_changed_config: bool = False) -> list[dict]:
    """Trains and evaluates all rows, for each seed; goes on where it was stopped.

    Returns:
      The table's rows, which are also in WORKDIR/ablation.json and WORKDIR/ablation.md.

    Raises:
      UserError: for a field, a corpus or a workdir that cannot be used.
    """
    _check(config)
    claim(workdir, config, allow_changed_config)
    source = teacher_of(config, workdir)
    rows = []
    for size, names in ((config.student.size, tuple(config.rows)), (config.other_size, tuple(config.rows_of_other_size))):
        if size:
            rows += _train(config, workdir, source, size, names, allow_changed_config)
    for row in rows:
        for report in row.reports:
            if not (report / "index.html").is_file():  # what evaluate writes last
                LOGGER.info(f"evaluating {report.parent}")
                evaluate(str(report.parent), config.data.corpus, config.data.split, str(report), tuple(config.conditions))
    table = table_of(rows, config.baseline, config.rate, tuple(config.conditions))
    for name, text in ((FIGURES, json.dumps(table, indent=2)), (TABLE, markdown(table, config.baseline, config.rate))):
        with durably(workdir / name) as file:
            file.write(text)
    return table


def teacher_of(config, workdir: Path) -> str:
    """`config.teacher.source`, or what is pre-trained in WORKDIR/teacher."""
    made = _stage(config, "distill", config.student.size)
    return config.teacher.source or str(pretrained_teacher(made, workdir, False, training.run))


def _check(config) -> None:
    if config.get("task") != "ablation":
        raise UserError(f"--config: a config of task {config.get('task')!r}; expected one such as configs/ablation.py")
    if config.baseline not in config.rows:
        raise UserError(f"config.baseline={config.baseline!r}: expected one of config.rows: {', '.join(config.rows)}")
    if unknown := set(config.rows_of_other_size) - set(config.rows):
        raise UserError(f"config.rows_of_other_size: {', '.join(sorted(unknown))} not in config.rows")
    if not config.seeds or min(config.seeds) < 0 or len(set(config.seeds)) < len(config.seeds):
        raise UserError(f"config.seeds={tuple(config.seeds)}: expected different seeds, 0 or more")
    if config.other_size == config.student.size:
        raise UserError(f"config.other_size={config.other_size}: expected another size than config.student.size, or none")
    if config.members_at_once < 0:
        raise UserError(f"config.members_at_once={config.members_at_once}: expected 0 or more")
    if f"{config.rate:g}" not in RATES:
        raise UserError(f"config.rate={config.rate}: expected one of {', '.join(RATES)} false accepts an hour")


def _train(config, workdir: Path, teacher: str, size: str, names: tuple[str, ...], allow: bool) -> list[Row]:
    """The detectors of one size: distilled or pre-trained, then fine-tuned."""
    stages = {"pretrain": {}, "distill": {}, "none": {}}
    for name in names:
        changes = dict(config.rows[name])
        stage = next((s for s in ("pretrain", "none") if changes.pop(s, False)), "distill")
        off = dict.fromkeys((f"loss.{objective}" for objective in OBJECTIVES), 0.0) if stage == "distill" else {}
        stages[stage] |= {f"{folder_name(name)},seed={seed}": {**off, **changes, "seed": seed} for seed in config.seeds}
    begin_with = dict.fromkeys(stages["none"], "")
    for stage in ("pretrain", "distill"):
        made = _stage(config, stage, size)
        if stage == "distill":
            made.teacher.source = teacher
        else:
            made.model = "student"
        for folder, variants in _parts(stages[stage], workdir / f"{stage}-{size}", config.members_at_once):
            begin_with |= {name: str(folder / MEMBERS / name) for name in variants}
            _sweep(made, variants, folder, allow)
    made, detectors = _stage(config, "finetune", size), {}
    made.keyword, made.init = config.keyword, ""
    seeds = {name: changes["seed"] for variants in stages.values() for name, changes in variants.items()}
    ends = {name: {"init": init, "seed": seeds[name]} for name, init in begin_with.items()}
    for folder, variants in _parts(ends, workdir / f"finetune-{size}", config.members_at_once):
        detectors |= {name: folder / MEMBERS / name for name in variants}
        _sweep(made, variants, folder, allow)
    return [
        Row(name, size, [detectors[f"{folder_name(name)},seed={seed}"] / REPORT for seed in config.seeds]) for name in names
    ]


def _stage(config, task: str, size: str) -> ConfigDict:
    made = ConfigDict(convert_dict=False)
    made.update(ConfigDict({**config[task].to_dict(), "task": task, "preflight": False, "seed": min(config.seeds)}))
    made.data = ConfigDict({**made.data.to_dict(), "corpus": config.data.corpus})
    made.student = ConfigDict({**config.student.to_dict(), "size": size})
    made.export = ConfigDict()
    if task == "distill":
        made.teacher = ConfigDict(config.teacher.to_dict())
    return made


def _sweep(made: ConfigDict, variants: dict[str, dict], folder: Path, allow: bool) -> None:
    made.sweep = {"row": variants}
    # That the stage is as it was, the ablation's own config says.
    if not all(made.steps in saved_steps(folder / MEMBERS / name) for name in variants):
        training.run(made, folder, allow)


def _parts(variants: dict[str, dict], folder: Path, at_once: int) -> Iterator[tuple[Path, dict[str, dict]]]:
    """As many members at once as `config.members_at_once` says; a folder for each part."""
    names = list(variants)
    size = at_once or max(1, len(names))
    for part, first in enumerate(range(0, len(names), size)):
        yield folder / f"part-{part}", {name: variants[name] for name in names[first : first + size]}
