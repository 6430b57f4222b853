"""Nonsense in fields of a configuration; `train` and `ablate` read it."""

import functools
import math
import random
from pathlib import Path

from benchmarks.attack.process import Ending, Try
from benchmarks.toy import Toy
from s3rl_jax.runs.config_file import load_config
from s3rl_jax.train.fields import flat

CONFIGS = ("finetune", "finetune:mined", "distill", "distill:paper", "distill:conv", "pretrain")
NUMBERS = ("nan", "inf", "-inf", "-nan", "1e309", "-1e309")  # in no field valid
ODD_NUMBERS = (
    "-1",
    "-1e-9",
    "1e308",
    "-1e308",
    "1e-320",
    "0.0",
    "2",
    "3.7",
    "1_0",
    "0x10",
    "\u0663",
    "9" * 30,
    "True",
    "",
    "x",
)
WORDS = ("", "x", "nan", "None", "a\nb", "../..", "/dev/zero", "\U0001f600", "alexa,alexa", " ", "-", "x" * 300, ",")
TUPLES = ("(2,1)", "(nan,1)", "(0,inf)", "()", "(1,)", "(1,2,3)", "('a',)", "[1]", "1", "(-1,-2)", "((1,2),)", "(1e400,1e400)")
NEGATIVE_IS_VALID = ("data.seed",)
PAIRS_BELOW_ZERO = ("snr_db", "gain_db")


@functools.cache
def fields(config: str) -> tuple[tuple[str, object], ...]:
    """Path and value of each field."""
    return tuple(flat(load_config(config)))


def config_fields(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """A run at the least size with one or two fields of nonsense. Those that no run could mean must be refused."""
    config = rng.choice(CONFIGS)
    chosen = rng.sample(fields(config), rng.choice([1, 1, 1, 2]))
    values = {path: _nonsense(rng, value) for path, value in chosen}
    flags = [f"--config.{path}={text}" for path, text in values.items()]
    impossible = [path for path, value in chosen if _is_impossible(path, value, values[path])]
    common = (f"--config={config}", "--workdir=w", "--config.runlocal=True", f"--config.data.corpus={toy.corpus}")
    if config.startswith("finetune"):
        source = ("--config.init=",) if "init" not in values else ()
    else:
        source = (f"--config.teacher.source={toy.teacher}",) if config.startswith("distill") else ()

    def complaint(ending: Ending) -> str:
        return (
            f"taken: {', '.join(f'{path}={values[path]}' for path in impossible)}" if impossible and not ending.status else ""
        )

    return Try(("train", *common, *source, *flags), complaint)


def _nonsense(rng: random.Random, value: object) -> str:
    if isinstance(value, bool):
        return rng.choice(["maybe", "2", "-1", "", "nan", "None"])
    if isinstance(value, int | float):
        return rng.choice(NUMBERS if rng.random() < 0.5 else ODD_NUMBERS)
    if isinstance(value, tuple):
        return rng.choice(TUPLES)
    return rng.choice(WORDS)


def _is_impossible(path: str, value: object, text: str) -> bool:
    """Whether no run could mean a value: by rules that are written independently of the fields' domains."""
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        try:
            number = float(text)
        except ValueError:
            return text not in ("True", "0x10")
        below = number < 0 and path not in NEGATIVE_IS_VALID and not path.endswith(PAIRS_BELOW_ZERO)
        return not math.isfinite(number) or below or (path.endswith("probability") and number > 1)
    if isinstance(value, tuple):
        return "nan" in text or "inf" in text or "e400" in text or (text == "(2,1)" and len(value) == 2)
    return False


def ablation_fields(rng: random.Random, folder: Path, toy: Toy) -> Try:
    """An ablation with a field of nonsense; it must end before anything is trained."""
    path = rng.choice([path for path, value in fields("ablation") if isinstance(value, int | float)])
    text = rng.choice(NUMBERS)
    flags = ("--config=ablation", "--workdir=w", f"--config.data.corpus={toy.corpus}", f"--config.{path}={text}")
    return Try(("ablate", *flags), lambda ending: "" if ending.status else f"taken: {path}={text}")
