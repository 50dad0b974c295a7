#!/bin/sh
# Rebuilds app/server/graphiql/assets from the lock file: install, type check, bundle, licences, manifest, copy.
set -eu
cd "$(dirname "$0")"
npm ci
npx tsc --project .
node build.mjs
target=../../app/server/graphiql/assets
mkdir -p "$(dirname "$target")"
rm -rf "$target"
mv built "$target"
