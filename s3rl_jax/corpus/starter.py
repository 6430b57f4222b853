"""The name of the starter set among corpora: `corpus,starter`. s3rl_jax.starter writes it, once a machine."""

import os
from pathlib import Path

STARTER = "starter"
EDITION = 1  # of the recordings; another edition gets a folder of its own


def starter_folder() -> Path:
    """Folder of the starter set's corpus: in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "s3rl_jax" / f"starter-{EDITION}"


def names_starter(corpora: str) -> bool:
    """Whether a comma-separated list of corpora has the starter set in it."""
    return STARTER in (name.strip() for name in corpora.split(","))


def without_starter(corpora: str) -> str:
    """Leaves the starter set out of a list of corpora."""
    return ",".join(name for name in corpora.split(",") if name.strip() != STARTER)


def with_starter(corpora: str) -> str:
    """Adds the starter set to a list of corpora, unless it is in it."""
    return corpora if names_starter(corpora) else ",".join(filter(None, (corpora, STARTER)))
