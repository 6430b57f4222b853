#!/usr/bin/env bash
# Fetches LiteRT for the web, which s3rl_jax.demo serves, from the npm registry into s3rl_jax/demo/web/litert. Wheels that are
# built afterwards contain it. Needs npm.
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.5.3
to=s3rl_jax/demo/web/litert
if [ "$(cat "$to/version" 2>/dev/null)" = "$version" ]; then exit 0; fi
if ! command -v npm >/dev/null; then
  echo "error: npm: not found; expected Node.js with npm, to fetch @litertjs/core $version" >&2
  exit 2
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rm -rf "$to"
for name in core wasm-utils; do
  (cd "$scratch" && npm pack --silent "@litertjs/$name@$version" >/dev/null)
  mkdir -p "$to/$name"
  tar xzf "$scratch/litertjs-$name-$version.tgz" -C "$to/$name" --strip-components=1
done
rm -f "$to"/core/wasm/*jspi* "$to"/core/wasm/*threaded* "$to"/core/dist/*.map
echo "$version" > "$to/version"
