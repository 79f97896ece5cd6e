#!/usr/bin/env bash
# tools/bench_data.sh FOLDER: unpacks the packages whose texts and pictures bench.embed embeds.
set -euo pipefail
cd "$(dirname "$0")/.."

debian="fortunes openclipart-png wordnet-base"
vendors="apple facebook google twitter"
tools/need.sh npm
if ! command -v apt-get >/dev/null; then
  echo "apt-get is missing: the benchmark's texts and pictures are in Debian's packages" >&2
  exit 1
fi

mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$folder"
[ "$(id -u)" != 0 ] || apt-get update -q >&2
# Section and short description of every package of the archive.
apt-cache dumpavail | awk '
  /^Section: / { section = $2 }
  /^Description: / { description = substr($0, 14) }
  /^$/ { if (description != "") print section "\t" description; description = section = "" }
' >descriptions
for package in $debian; do
  apt-get download -q "$package" >&2
  dpkg -x "$package"_*.deb .
  rm "$package"_*.deb
done
for vendor in $vendors; do
  archive=$(npm pack --silent "emoji-datasource-$vendor@16.0.0")
  mkdir -p "node_modules/emoji-datasource-$vendor"
  tar -xzf "$archive" -C "node_modules/emoji-datasource-$vendor" --strip-components=1 \
    --exclude='package/img/*/sheets*'
  rm "$archive"
done
