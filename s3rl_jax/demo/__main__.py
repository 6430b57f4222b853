"""python -m s3rl_jax.demo M.tflite [--port=8000]: a page on localhost that listens."""

import sys

from s3rl_jax.core.commandline import Parser, run
from s3rl_jax.core.domains import Whole
from s3rl_jax.demo.server import HIGHEST_PORT, server_of


def main() -> None:
    parser = Parser(prog="s3rl_jax.demo", description="Serves a page that listens, the model running in the browser.")
    parser.add_argument("model", help="a .tflite that s3rl_jax.export wrote with --streaming, its .json beside it")
    parser.add_number("--port", Whole(0, HIGHEST_PORT), 8000, help="on 127.0.0.1; 0 takes a free one (default 8000)")
    args = parser.parse_args()
    with server_of(args.model, args.port) as server:
        print(f"http://localhost:{server.server_address[1]}/   (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended", file=sys.stderr)


if __name__ == "__main__":
    run(main)
