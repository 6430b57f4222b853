"""`config.init`: the student, or detector, that fine-tuning starts from."""

from typing import Any

from ml_collections import ConfigDict

from s3rl_jax.core.errors import UserError
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.engine.sweep_members import Member
from s3rl_jax.models.student.registry import STATISTICS
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import read_config

STUDENTS = ("distill", "pretrain", "finetune")  # the tasks whose runs hold one
DEFAULT_SIZE = "tiny"


def start_of(init: str) -> dict[str, Any] | None:
    """Parameters of a student, and of a head where the run has one; None where `init` is empty.

    Raises:
      UserError: for a workdir without a checkpoint.
    """
    if not init:
        return None
    params = read_params(init, "config.init")
    return {name: params[name] for name in ("student", STATISTICS, "head") if name in params}


def adopt_students(config: ConfigDict, members: tuple[Member, ...]) -> None:
    """Fills in `config.student` of a run, or of each member of a sweep, from the run that it starts from.

    Raises:
      UserError: for a run that holds no student, detects another keyword or has a student of another size, and for members
        of different students.
    """
    for config_of_run in [member.config for member in members] or [config]:
        _adopt_student(config_of_run)
    for member in members:
        if member.config.student != members[0].config.student:
            raise UserError(f"config.sweep: {member.name} has another student than {members[0].name}; expected the same one")
        config.student.update(member.config.student)


def _adopt_student(config: ConfigDict) -> None:
    size = config.student.size
    if config.init:
        origin = read_config(config.init, "config.init")
        if origin.task not in STUDENTS or origin.get("model") == "teacher":
            raise UserError(f"config.init={config.init}: holds no student")
        if origin.task == "finetune" and parse_keywords(origin.keyword) != parse_keywords(config.keyword):
            raise UserError(f"config.keyword={config.keyword}: config.init={config.init} detects {origin.keyword}")
        if size and size != origin.student.size:
            raise UserError(f"config.student.size={size}: config.init={config.init} has a {origin.student.size} student")
        size = origin.student.size
        config.student.streaming = origin.student.get("streaming", False)
        config.student.block = origin.student.get("block", config.student.block)
    config.student.size = size or DEFAULT_SIZE
