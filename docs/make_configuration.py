"""Writes docs/configuration.md from configs/: every field, its default in each config, its valid values, and its comment.

    python -m docs.make_configuration

A test fails if the page is not up to date.
"""

import inspect
import io
import re
import tokenize
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ml_collections import ConfigDict

from configs import ablation, distill, finetune, pretrain, shared
from s3rl_jax.train.fields import domain_of

PAGE = Path(__file__).with_name("configuration.md")
CONFIGS = {"pretrain": pretrain, "distill": distill, "finetune": finetune}
INTRODUCTION = """# Configuration

This page is generated: `python -m docs.make_configuration`.

`--config=configs/distill.py` names a config in a checkout, `--config=distill` the one that is installed with the package.
A *variant* is a named change of several fields: `--config=configs/finetune.py:mined`. Any field is a flag:

    python -m s3rl_jax.train --config=configs/distill.py --workdir=runs/distilled --config.steps=2000 --config.loss.gamma=0

An unknown field, an unknown variant, and a value outside of the column *values* are errors that name it, before anything is
read. NaN and infinity are no values of any field.
"""


class Field(NamedTuple):
    """A line `config.name = value  # comment`. `comment` also holds the comment lines above that line."""

    name: str
    comment: str


def page() -> str:
    """Composes the page, in Markdown."""
    parts = [INTRODUCTION, "## Fields of several configs\n", _text(shared.__doc__)]
    defaults = {name: module.get_config() for name, module in CONFIGS.items()}
    functions = [f for name, f in vars(shared).items() if name.startswith("add_") and inspect.isfunction(f)]
    for function in functions:
        title = function.__name__.removeprefix("add_").capitalize()
        own = {name: fields_of(module.get_config) for name, module in CONFIGS.items()}
        parts.append(f"### {title}\n\n{_text(function.__doc__)}")
        parts.append(_table(fields_of(function), defaults, own))
    for name, module in {**CONFIGS, "ablation": ablation}.items():
        parts.append(_config_section(name, module, {f.name for function in functions for f in fields_of(function)}))
    return "\n".join(parts)


def fields_of(function) -> list[Field]:
    """Fields that a function assigns, in the order of its lines."""
    lines, above, fields = inspect.getsource(function).splitlines(), [], []
    for line in lines:
        text = line.strip()
        if text.startswith("#"):
            above.append(text.removeprefix("#").strip())
            continue
        names = re.match(r"config\.([\w.]+) = ", text)
        if names:
            fields.append(Field(names[1], _sentence([*above, _trailing_comment(text)])))
        above = []
    return fields


def _config_section(name: str, module: ModuleType, shared_fields: set[str]) -> str:
    title, *rest = inspect.getdoc(module).split("\n\n")
    about = [" ".join(paragraph.split()) for paragraph in rest if not paragraph.lstrip().startswith("python -m")]
    command = "ablate" if name == "ablation" else "train"
    usage = f"    python -m s3rl_jax.{command} --config=configs/{name}.py --workdir=WORKDIR --config.data.corpus=CORPUS"
    own = [field for field in fields_of(module.get_config) if field.name not in shared_fields]
    rows = [
        f"| `{variant}` | {_text(change.__doc__).strip()} | {_changes(module.get_config, variant)} |"
        for variant, change in module.VARIANTS.items()
    ]
    variants = "\n".join(["| variant | for | changes |", "| --- | --- | --- |", *rows]) + "\n"
    paragraphs = (f"## configs/{name}.py", title, *about, usage, _table(own, {name: module.get_config()}, {}), variants)
    return "\n\n".join(text.rstrip("\n") for text in paragraphs) + "\n"


def _table(fields: list[Field], defaults: dict[str, ConfigDict], own: dict[str, list[Field]]) -> str:
    """A table with a row for each field. The comment in `shared` comes first, then those in the configs."""
    several = len(defaults) > 1
    head = ["field", *(defaults if several else ["default"]), "values", "meaning"]
    rows = []
    for field in fields:
        values = [_value(config, field.name) for config in defaults.values()]
        if all(value in ("", "-") for value in values):  # a section
            if field.comment:
                rows.append([f"`{field.name}`", *("" for _ in values), "", field.comment])
            continue
        comments = [field.comment]
        for name, lines in own.items():
            comments += [f"{name}: {f.comment}" for f in lines if f.name == field.name and f.comment]
        domain = str(domain_of(field.name) or "").replace("|", "\\|")
        rows.append([f"`{field.name}`", *values, domain, "; ".join(filter(None, comments))])
    return "\n".join(["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]) + "\n"


def _value(config: ConfigDict, name: str) -> str:
    """The default of a field in Markdown; empty for a section, a dash if the config has no such field."""
    value = config
    for part in name.split("."):
        if not isinstance(value, ConfigDict) or part not in value:
            return "-"
        value = value.get(part)
    if isinstance(value, ConfigDict):
        return ""
    if isinstance(value, dict):
        return "; ".join(value)
    return "`" + ("none" if value is None else repr(value)).replace("|", "\\|") + "`"


def _changes(get_config, variant: str) -> str:
    before, after = _flat(get_config()), _flat(get_config(variant))
    changed = [f"`{name}={value!r}`" for name, value in after.items() if before.get(name) != value]
    return ", ".join(changed) if len(", ".join(changed)) < 700 else ", ".join(change.split("=")[0] + "`" for change in changed)


def _flat(config: ConfigDict, prefix: str = "") -> dict[str, object]:
    values = {}
    for name in config:
        value = config.get(name)
        values |= _flat(value, f"{prefix}{name}.") if isinstance(value, ConfigDict) else {prefix + name: value}
    return values


def _trailing_comment(line: str) -> str:
    """The comment at the end of a line of code; a `#` inside a string does not begin a comment."""
    comments = (
        token.string for token in tokenize.generate_tokens(io.StringIO(line).readline) if token.type == tokenize.COMMENT
    )
    return next(comments, "").removeprefix("#").strip()


def _sentence(lines: list[str]) -> str:
    return " ".join(filter(None, lines)).replace("|", "\\|")


def _text(doc: str | None) -> str:
    return " ".join(inspect.cleandoc(doc or "").split()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
