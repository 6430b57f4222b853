"""A web server on loopback for a page that runs a model in the browser; it serves the files of that page alone."""

import http.server
from pathlib import Path

from s3rl_jax.core.errors import UserError
from s3rl_jax.detect.description import read_model

WEB = Path(__file__).parent / "web"
LITERT = WEB / "litert"  # core/ and wasm-utils/, from the npm packages @litertjs/core and @litertjs/wasm-utils
SCRIPTS = ("demo.js", "firing.js", "resampler.js")
HIGHEST_PORT = 65_535
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm"}


def files_of(model: str) -> dict[str, Path]:
    """Maps each path that the page may request to a file.

    Raises:
      UserError: if the file is no .tflite of s3rl_jax.export, has no signature `stream`, or LiteRT for the web is missing.
    """
    path, description = Path(model), Path(model).with_suffix(".json")
    if path.suffix != ".tflite":
        raise UserError(f"{model}: expected a .tflite that s3rl_jax.export wrote")
    _, fields, _ = read_model(path)
    if "samples" not in fields.get("signatures", {}).get("stream", {"inputs": {}})["inputs"]:
        raise UserError(f"{model}: cannot be stepped hop by hop; expected one exported with --streaming")
    if not (LITERT / "core").is_dir():
        raise UserError(
            "demo: LiteRT for the web is not there; expected it in s3rl_jax/demo/web/litert: run launch/web.sh once"
        )
    pages = {"/": WEB / "index.html", **{f"/{name}": WEB / name for name in SCRIPTS}}
    pages |= {"/model.tflite": path, "/model.json": description}
    library = (p for p in LITERT.rglob("*") if p.is_file() and p.suffix in MEDIA_TYPES)
    return pages | {f"/litert/{p.relative_to(LITERT).as_posix()}": p for p in library}


def server_of(model: str, port: int) -> http.server.ThreadingHTTPServer:
    """Creates a server on 127.0.0.1 that serves `files_of(model)` and nothing else.

    Args:
      model: a .tflite, with its .json beside it.
      port: port to listen on; 0: any free one.

    Raises:
      UserError: as `files_of`, and if the port is taken or out of range.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise UserError(f"--port={port}: expected 0 to {HIGHEST_PORT}")
    files = files_of(model)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            host = self.headers.get("Host", "").rpartition(":")[0]
            file = files.get(self.path.partition("?")[0])
            # A request for another host comes from a foreign page whose name resolves to this machine (DNS rebinding).
            if file is None or host not in ("127.0.0.1", "localhost"):
                self.send_error(404)
                return
            content = file.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", MEDIA_TYPES.get(file.suffix, "application/octet-stream"))
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
