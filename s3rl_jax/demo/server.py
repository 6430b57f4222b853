"""A page on loopback that runs a model in the browser: what it is made of, and a server that hands out nothing else."""

import http.server
import json
from pathlib import Path

from s3rl_jax.core.errors import UserError

WEB = Path(__file__).parent / "web"
LITERT = WEB / "litert"  # core/ and wasm-utils/, of the npm packages @litertjs/core and @litertjs/wasm-utils
KINDS = {".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm"}


def files_of(model: str) -> dict[str, Path]:
    """What the page may ask for, by its path.

    Raises:
      UserError: if the model has no signature `stream`, or LiteRT for the web is not there.
    """
    path, beside = Path(model), Path(model).with_suffix(".json")
    if not path.is_file() or not beside.is_file():
        raise UserError(f"{model}: expected a .tflite that s3rl_jax.export wrote, its .json beside it")
    try:
        signatures = json.loads(beside.read_text(encoding="utf-8"))["signatures"]
        inputs = signatures["stream"]["inputs"] if "stream" in signatures else {}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{beside}: not a description that s3rl_jax.export wrote: {error}") from error
    if "samples" not in inputs:
        raise UserError(f"{model}: cannot be stepped hop by hop; expected one exported with --streaming")
    if not (LITERT / "core").is_dir():
        raise UserError(
            "demo: LiteRT for the web is not there; expected it in s3rl_jax/demo/web/litert: run launch/web.sh once"
        )
    pages = {"/": WEB / "index.html", "/demo.js": WEB / "demo.js", "/model.tflite": path, "/model.json": beside}
    library = (p for p in LITERT.rglob("*") if p.is_file() and p.suffix in KINDS)
    return pages | {f"/litert/{p.relative_to(LITERT).as_posix()}": p for p in library}


def server_of(model: str, port: int) -> http.server.ThreadingHTTPServer:
    """A server on 127.0.0.1 that answers for `files_of(model)` alone.

    Args:
      model: a .tflite, its .json beside it.
      port: 0 takes a free one.

    Raises:
      UserError: as `files_of`, and if the port is taken.
    """
    files = files_of(model)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            host = self.headers.get("Host", "").rpartition(":")[0]
            found = files.get(self.path.partition("?")[0])
            # Another host's name would be a page elsewhere that has its name point at this machine.
            if found is None or host not in ("127.0.0.1", "localhost"):
                self.send_error(404)
                return
            content = found.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", KINDS.get(found.suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UserError(f"--port={port}: {error.strerror}; expected a free port") from error
