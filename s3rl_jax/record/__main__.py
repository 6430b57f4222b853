"""python -m s3rl_jax.record --keyword=WORD --out=DIR [--count=20]: records the keyword, and writes a manifest.csv."""

from pathlib import Path

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.errors import UserError
from s3rl_jax.core.lock import locked
from s3rl_jax.core.messages import LOGGER
from s3rl_jax.detect.microphone import devices, open_microphone
from s3rl_jax.record.folder import SPLITS, RecordingFolder
from s3rl_jax.record.session import BLOCK_SECONDS, Session
from s3rl_jax.record.takes import SAMPLE_RATE

MOST = 10_000


def main() -> None:
    args = _parser().parse_args()
    if args.list_devices:
        print(devices())
        return
    keyword, speaker = " ".join(args.keyword.split()), " ".join(args.speaker.split())
    if not keyword or "," in keyword:
        raise UserError(f"--keyword={args.keyword}: expected one keyword, as it is spoken")
    if not speaker:
        raise UserError("--speaker: expected a name, one for each person")
    if not args.out:
        raise UserError("--out: expected a folder for the recordings")
    if args.split not in ("", *SPLITS):
        raise UserError(f"--split={args.split}: expected one of {', '.join(SPLITS)}")
    if not 1 <= args.count <= MOST:
        raise UserError(f"--count={args.count}: expected 1 to {MOST}")
    try:
        with locked(Path(args.out), "--out"):
            folder = RecordingFolder(Path(args.out), keyword, speaker, args.split, args.language)
            _record(folder, keyword, args.count, args.device, args.channel)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"--out={args.out}: {error.strerror}; expected a folder that can be written to") from error
    print(f"{folder.manifest}: {folder.count} recordings of {keyword} by {speaker}")
    print(f"next: python -m s3rl_jax.prepare --source={args.out} --out=CORPUS")


def _record(folder: RecordingFolder, keyword: str, count: int, device: str | None, channel: int | None) -> None:
    if folder.count:
        LOGGER.info(f"{folder.manifest}: {folder.count} recordings are there")
    if folder.count < count:
        with open_microphone(SAMPLE_RATE, BLOCK_SECONDS, device) as microphone:
            Session(microphone, keyword, folder, channel).record(count)


def _parser() -> Parser:
    parser = Parser(prog="s3rl_jax.record", description="Records a keyword with a microphone (extras: runtime, microphone).")
    parser.add_argument("--keyword", default="", help="the keyword to say")
    parser.add_argument("--out", default="", help="folder for the recordings and manifest.csv; recordings there are kept")
    parser.add_argument("--count", type=int, default=20, help="recordings of the keyword by the speaker (default 20)")
    parser.add_argument("--speaker", default="me", help="name of the person who speaks (default me)")
    parser.add_argument("--split", default="", help="train, validation or test (default: 7, 1 and 2 of ten recordings)")
    parser.add_argument("--language", default="", help="language of the keyword, such as de")
    parser.add_argument("--device", help="microphone: its number in --list-devices, or a part of its name")
    parser.add_argument("--channel", type=int, help="channel of the microphone; the first is 0 (default: a mix of all)")
    parser.add_argument("--list-devices", action="store_true", help="print the audio devices, and end")
    return parser


if __name__ == "__main__":
    run(main)
