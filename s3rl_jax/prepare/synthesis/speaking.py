"""Speaks the lines of a split, several side by side, and replaces those on which an engine fails."""

import collections
import concurrent.futures
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from s3rl_jax.core.errors import UserError, one_line
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.prepare.synthesis.casting import Cast
from s3rl_jax.prepare.synthesis.synthesiser import Line, Synthesiser, Utterance, speak

BATCH = 32  # lines that are drawn at once; independent of the machine, so that the same lines are drawn on every one


class Failure(NamedTuple):
    """A line that an engine did not speak, and the reason."""

    engine: str
    voice: str
    text: str
    reason: str


class Speakers:
    """Speaks lines on `workers` threads: the engines compute outside of Python, or in processes of their own.

    Attributes:
      failures: the lines that were not spoken, in order.
    """

    def __init__(self, synthesiser: Synthesiser, workers: int):
        self.failures: list[Failure] = []
        self._synthesiser = synthesiser
        self._pool = concurrent.futures.ThreadPoolExecutor(workers)

    def utterances(self, kinds: Iterator[tuple[str, str]], cast: Cast) -> Iterator[tuple[Line, Utterance]]:
        """Draws a line for each (kind, keyword) and speaks it, in order.

        A line on which an engine fails goes to another engine; a text on which all fail is left out.

        Raises:
          UserError: for a keyword that no engine speaks.
        """
        while batch := list(itertools.islice(kinds, BATCH)):
            lines = [self._drawn(kind, keyword, cast, ()) for kind, keyword in batch]
            spoken = [self._begin(line) for line in lines]
            try:
                for pair, line, utterance in zip(batch, lines, spoken, strict=True):
                    if result := self._finished(line, utterance, pair, cast):
                        yield result
            finally:
                for utterance in spoken:
                    utterance.cancel()

    def close(self) -> None:
        """Ends the threads, and says which engines failed how often."""
        self._pool.shutdown(cancel_futures=True)
        for engine, count in collections.Counter(failure.engine for failure in self.failures).most_common():
            reason = next(failure for failure in self.failures if failure.engine == engine)
            LOGGER.warning(f"{engine} did not speak {count} texts; the first is {reason.text!r}: {reason.reason}")

    def _drawn(self, kind: str, keyword: str, cast: Cast, without: tuple[str, ...]) -> Line:
        line = self._synthesiser.line(kind, keyword, cast, without)
        if line is None:
            last = f" ({self.failures[-1].engine}: {self.failures[-1].reason})" if self.failures else ""
            by_phonemes = self._synthesiser.script.is_by_phonemes(keyword)
            hint = "espeak, kokoro, hibari or piper for phonemes" if by_phonemes else "a text that the voices can say"
            raise UserError(f"--synthesize={keyword}: no engine speaks it{last}; expected {hint}")
        return line

    def _begin(self, line: Line) -> "concurrent.futures.Future[Utterance]":
        if not line.voice.in_order:
            return self._pool.submit(speak, line)
        future: concurrent.futures.Future[Utterance] = concurrent.futures.Future()
        try:
            future.set_result(speak(line))
        except Exception as error:  # as in a thread of the pool
            future.set_exception(error)
        return future

    def _finished(
        self, line: Line, future: "concurrent.futures.Future[Utterance]", pair: tuple[str, str], cast: Cast
    ) -> tuple[Line, Utterance] | None:
        """The utterance, of another engine if need be; None for a text, other than a keyword, on which all fail."""
        failed: list[str] = []
        while True:
            try:
                return line, future.result()
            except Exception as error:  # engines are foreign code: nothing that they raise ends a long job
                reason = one_line(error) or type(error).__name__
                self.failures.append(Failure(line.voice.engine, line.voice.name, line.text, reason))
                failed.append(line.voice.engine)
            replacement = self._synthesiser.line(*pair, cast, failed)
            if replacement is None and pair[0] != "keyword":
                return None
            line = replacement or self._drawn(*pair, cast, tuple(failed))
            future = self._begin(line)
