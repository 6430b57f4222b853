"""Reads `config.init`: the student, or detector, from which fine-tuning starts."""

from typing import Any

from ml_collections import ConfigDict

from s3rl_jax.audio.front_end import LOGMEL
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.corpus.keywords import parse_keywords
from s3rl_jax.engine.sweep_members import Member
from s3rl_jax.models.student.registry import STATISTICS, front_end_of
from s3rl_jax.pretrained.student_file import DEFAULT, NAMES, PREFIX, is_student_file, load, read
from s3rl_jax.runs.params import read_params
from s3rl_jax.runs.workdir import read_config

STUDENTS = ("distill", "pretrain", "finetune")  # tasks whose runs hold a student
DEFAULT_SIZE = "tiny"


def start_of(init: str) -> dict[str, Any] | None:
    """Reads the parameters of a student, and of a head if `init` has one.

    Args:
      init: `config.init`: a workdir, or a pretrained student.

    Returns:
      `student`, `statistics` and `head`, as far as they exist; None if `init` is empty.

    Raises:
      UserError: for a workdir without a checkpoint, or a student that does not exist.
    """
    if not init:
        return None
    if is_student_file(init):
        return read(init).params
    params = read_params(init, "config.init")
    return {name: params[name] for name in ("student", STATISTICS, "head") if name in params}


def adopt_students(config: ConfigDict, members: tuple[Member, ...]) -> None:
    """Sets `config.student` (and of a detector `config.head`) from `config.init`, for a run or each member of a sweep.

    A run that goes on from a detector has its pooling, and its window unless `config.data.window_seconds` says another.

    Raises:
      UserError: if `config.init` holds no student, detects another keyword or has a student of another size, and for members
        with different students.
    """
    for config_of_run in [member.config for member in members] or [config]:
        _adopt_student(config_of_run)
    for member in members:
        if member.config.student != members[0].config.student:
            raise UserError(f"config.sweep: {member.name} has another student than {members[0].name}; expected the same one")
        config.student.update(member.config.student)
        config.data.window_seconds = member.config.data.window_seconds
    if members and config.init == DEFAULT:
        config.init = ""  # each member has its own start


def origin_of(init: str) -> ConfigDict:
    """The configuration of the run in `config.init`; for a pretrained student, `task` and `student` from its card."""
    if is_student_file(init):
        return ConfigDict({"task": "distill", "student": read(init).card["student"]})
    return read_config(init, "config.init")


def _default_init(student: ConfigDict) -> str:
    """`pretrained:NAME` for the pretrained student that matches `config.student`; empty if there is none."""
    name = student.size or DEFAULT_SIZE
    if name in NAMES and _suits(ConfigDict(load(name).card["student"]), student):
        return f"{PREFIX}{name}"
    LOGGER.info(f"config.init={DEFAULT}: there is no pretrained {name} student with these fields; starts from random values")
    return ""


def _suits(origin: ConfigDict, student: ConfigDict) -> bool:
    """Whether a student's configuration has the fields that another one asks for, except its size."""
    same = all(origin[field] == student[field] for field in ("streaming", "block"))
    return same and front_end_of(origin) == front_end_of(student)


def _adopt_student(config: ConfigDict) -> None:
    if config.init == DEFAULT:
        config.init = _default_init(config.student)
    size = config.student.size
    if config.init:
        origin = origin_of(config.init)
        if origin.task not in STUDENTS or origin.get("model") == "teacher":
            raise UserError(f"config.init={config.init}: holds no student")
        if origin.task == "finetune" and parse_keywords(origin.keyword) != parse_keywords(config.keyword):
            raise UserError(f"config.keyword={config.keyword}: config.init={config.init} detects {origin.keyword}")
        if size and size != origin.student.size:
            raise UserError(f"config.student.size={size}: config.init={config.init} has a {origin.student.size} student")
        front_end, given = front_end_of(origin.student), front_end_of(config.student)
        if given not in (front_end, LOGMEL):
            raise UserError(f"config.student.front_end={given}: config.init={config.init} has a student of {front_end}")
        size, config.student.front_end = origin.student.size, front_end
        config.student.streaming = origin.student.get("streaming", False)
        config.student.block = origin.student.get("block", config.student.block)
        if origin.task == "finetune":  # its head is used too
            config.head = ConfigDict({"pooling": origin.get("head", {}).get("pooling", "mean")})
            config.data.window_seconds = config.data.window_seconds or origin.data.window_seconds
    config.student.size = size or DEFAULT_SIZE
