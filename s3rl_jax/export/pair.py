"""A pair: an exported model and a second, larger one, which must agree with its detections."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import check_fields
from s3rl_jax.detect.verifier import AGREES_AT, Verifier
from s3rl_jax.evaluate.agreement import Agreement, agreement_of


class SecondModel(NamedTuple):
    """The second model of a pair: name and digest of its file, and where in a stream it agrees."""

    file: str
    sha256: str
    agreement: Agreement

    def entry(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """The field `verifier` of the .json of the first model.

        Args:
          keywords: thresholds and refractory times of the pair, as in the field `keywords`.
        """
        return {"file": self.file, "sha256": self.sha256, "agrees_at": AGREES_AT, "keywords": keywords}


def second_model(verifier: str, out: Path, fields: dict[str, Any]) -> SecondModel:
    """Opens the value of --verifier.

    Args:
      verifier: an exported file.
      out: the first model.
      fields: fields of its .json.

    Raises:
      UserError: if the file is not in the folder of the first model, is the same file, or cannot verify it.
    """
    path = Path(verifier)
    if path.resolve().parent != out.resolve().parent or path.resolve() == out.resolve():
        raise UserError(
            f"--verifier={verifier}: expected another file in the folder of --out={out}, because the .json names it"
        )
    first = check_fields(fields, str(out.with_suffix(".json")))
    try:
        model = Verifier(verifier, first)
    except UserError as error:
        raise UserError(f"--verifier={error}") from error
    return SecondModel(path.name, model.sha256, functools.partial(agreement_of, model, first))
