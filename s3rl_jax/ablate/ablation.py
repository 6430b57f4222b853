"""Trains and evaluates the rows of the paper's tables: students that differ in their objectives."""

import json
from pathlib import Path

from ml_collections import ConfigDict

from s3rl_jax.ablate.table import Row, markdown, table_of
from s3rl_jax.core.durable import durably
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.lock import locked
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.engine.sweep_members import folder_name
from s3rl_jax.evaluate.curves import RATES
from s3rl_jax.evaluate.evaluation import evaluate
from s3rl_jax.evaluate.report.folder import read_metrics
from s3rl_jax.runs.workdir import MEMBERS, claim, saved_steps
from s3rl_jax.tasks.objectives.registry import OBJECTIVES
from s3rl_jax.train import run as training
from s3rl_jax.train.fields import check_fields
from s3rl_jax.train.prerequisites import pretrained_teacher

REPORT = "report"  # folder of the report in each detector's workdir
TABLE, FIGURES = "ablation.md", "ablation.json"


def run(config: ConfigDict, workdir: Path, allow_changed_config: bool = False) -> list[dict]:
    """Trains and evaluates all rows, for each seed; continues an interrupted ablation.

    Returns:
      The rows of the table, which are also in WORKDIR/ablation.json and WORKDIR/ablation.md.

    Raises:
      UserError: for a field, a corpus or a workdir that cannot be used.
    """
    _check(config)
    with locked(workdir, "--workdir"):
        claim(workdir, config, allow_changed_config)
        return _run(config, workdir, allow_changed_config)


def _run(config: ConfigDict, workdir: Path, allow_changed_config: bool) -> list[dict]:
    teacher = teacher_of(config, workdir)
    rows = []
    for size, names in ((config.student.size, tuple(config.rows)), (config.other_size, tuple(config.rows_of_other_size))):
        if size:
            rows += _train_rows(config, workdir, teacher, size, names, allow_changed_config)
    for report in (report for row in rows for report in row.reports):
        if read_metrics(report) is None:
            LOGGER.info(f"evaluating {report.parent}")
            evaluate(str(report.parent), config.data.corpus, config.data.split, str(report), tuple(config.conditions))
    table = table_of(rows, config.baseline, config.rate, tuple(config.conditions))
    for name, text in ((FIGURES, json.dumps(table, indent=2)), (TABLE, markdown(table, config.baseline, config.rate))):
        with durably(workdir / name) as file:
            file.write(text)
    return table


def teacher_of(config: ConfigDict, workdir: Path) -> str:
    """`config.teacher.source`; if it is empty, pre-trains a teacher in WORKDIR/teacher and returns that folder."""
    stage = _stage_config(config, "distill", config.student.size)
    return config.teacher.source or str(pretrained_teacher(stage, workdir, False, training.run))


def _check(config: ConfigDict) -> None:
    if config.get("task") != "ablation":
        raise UserError(f"--config: a config of task {config.get('task')!r}; expected one such as configs/ablation.py")
    check_fields(config)
    if config.baseline not in config.rows:
        raise UserError(f"config.baseline={config.baseline!r}: expected one of config.rows: {', '.join(config.rows)}")
    if unknown := set(config.rows_of_other_size) - set(config.rows):
        raise UserError(f"config.rows_of_other_size: {', '.join(sorted(unknown))} not in config.rows")
    if config.other_size == config.student.size:
        raise UserError(f"config.other_size={config.other_size}: expected another size than config.student.size, or none")
    if f"{config.rate:g}" not in RATES:
        raise UserError(f"config.rate={config.rate}: expected one of {', '.join(RATES)} false accepts an hour")


def _train_rows(
    config: ConfigDict, workdir: Path, teacher: str, size: str, names: tuple[str, ...], allow_changed_config: bool
) -> list[Row]:
    """Trains the detectors of one size: their students are distilled, pre-trained or random, and then fine-tuned."""
    variants = _variants_by_stage(config, names)
    students = dict.fromkeys(variants["none"], "")  # member -> workdir of its student; empty: random
    for task in ("pretrain", "distill"):
        stage = _stage_config(config, task, size)
        if task == "distill":
            stage.teacher.source = teacher
        else:
            stage.model = "student"
        folder = workdir / f"{task}-{size}"
        members = _sweep(stage, variants[task], folder, config.members_at_once, allow_changed_config)
        students |= {name: str(member) for name, member in members.items()}
    stage = _stage_config(config, "finetune", size)
    stage.keyword, stage.init = config.keyword, ""
    seeds = {name: changes["seed"] for members in variants.values() for name, changes in members.items()}
    changes = {name: {"init": student, "seed": seeds[name]} for name, student in students.items()}
    detectors = _sweep(stage, changes, workdir / f"finetune-{size}", config.members_at_once, allow_changed_config)
    return [Row(name, size, [detectors[_member(name, seed)] / REPORT for seed in config.seeds]) for name in names]


def _variants_by_stage(config: ConfigDict, names: tuple[str, ...]) -> dict[str, dict[str, dict]]:
    """Groups the members by the stage that trains their student: pretrain, distill, or none for a random student.

    Returns:
      For each stage and member, the fields that the member changes.
    """
    variants: dict[str, dict[str, dict]] = {"pretrain": {}, "distill": {}, "none": {}}
    for name in names:
        changes = dict(config.rows[name])
        stage = next((stage for stage in ("pretrain", "none") if changes.pop(stage, False)), "distill")
        off = dict.fromkeys((f"loss.{objective}" for objective in OBJECTIVES), 0.0) if stage == "distill" else {}
        variants[stage] |= {_member(name, seed): {**off, **changes, "seed": seed} for seed in config.seeds}
    return variants


def _member(row: str, seed: int) -> str:
    return f"{folder_name(row)},seed={seed}"


def _stage_config(config: ConfigDict, task: str, size: str) -> ConfigDict:
    """The configuration of a stage: its section, with the ablation's corpus, student and teacher."""
    stage = ConfigDict(convert_dict=False)
    stage.update(ConfigDict({**config[task].to_dict(), "task": task, "preflight": False, "seed": min(config.seeds)}))
    stage.data = ConfigDict({**stage.data.to_dict(), "corpus": config.data.corpus})
    stage.student = ConfigDict({**config.student.to_dict(), "size": size})
    stage.export = ConfigDict()
    if task == "distill":
        stage.teacher = ConfigDict(config.teacher.to_dict())
    return stage


def _sweep(
    stage: ConfigDict, variants: dict[str, dict], folder: Path, members_at_once: int, allow_changed_config: bool
) -> dict[str, Path]:
    """Trains the members, `members_at_once` together, each such part in its own folder. Returns the workdir of each member."""
    names, workdirs = list(variants), {}
    size = members_at_once or max(1, len(names))
    for part, first in enumerate(range(0, len(names), size)):
        members = names[first : first + size]
        workdirs |= {name: folder / f"part-{part}" / MEMBERS / name for name in members}
        stage.sweep = {"row": {name: variants[name] for name in members}}
        # The record of the ablation was compared with its configuration, so a finished part need not be checked again.
        if not all(stage.steps in saved_steps(workdirs[name]) for name in members):
            training.run(stage, folder / f"part-{part}", allow_changed_config)
    return workdirs
