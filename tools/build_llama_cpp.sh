#!/usr/bin/env bash
# Builds llama-server and llama-perplexity into the user's cache, once, and prints the folder that they are in.
#
#   tools/build_llama_cpp.sh [VERSION] [CMAKE_ARGUMENT ...]      e.g. 0.3.36 -DGGML_CUDA=ON
#
# The source is the llama.cpp inside the source distribution of llama-cpp-python VERSION, which pip fetches by name.
# `llama-server --version` names that version as its commit: git would name one of the packaging's.
# Needs cmake, a C++ compiler and pip. Other arguments or another VERSION are another build, beside the first.
set -euo pipefail

if [[ ${1:-} == -h || ${1:-} == --help ]]; then sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit; fi
version=0.3.36
if [[ ${1:-} == [0-9]* ]]; then version=$1; shift; fi
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pytest-codeneedle/llama.cpp
name=$version
if [[ $# -gt 0 ]]; then name+=-$(printf '%s\0' "$@" | cksum | cut -d ' ' -f 1); fi
built=$cache/$name

there() { [[ -x $built/llama-server && -x $built/llama-perplexity ]]; }
say() { printf '%s\n' "$*" >&2; }
need() {
    command -v "$1" >/dev/null || { say "$1 is not there: $2"; exit 1; }
}

if there; then echo "$built"; exit; fi
need cmake "apt-get install cmake make, or pip install cmake"
need c++ "apt-get install g++"
need python3 "apt-get install python3-pip"

mkdir -p "$cache"
# Beside its place: a build that is broken off leaves nothing that looks like one.
work=$(mktemp -d "$cache/.$name.XXXXXX")
trap 'rm -rf "$work"' EXIT

say "llama-cpp-python $version: fetching the source"
# Only the package itself as a source: with :all: pip would build its build tools, cmake among them, from theirs.
python3 -m pip download --quiet --disable-pip-version-check --no-binary llama-cpp-python --no-deps \
    --dest "$work" "llama-cpp-python==$version" >&2
tar -xzf "$work"/llama_cpp_python-*.tar.gz -C "$work"
source=$(echo "$work"/llama_cpp_python-*/vendor/llama.cpp)
rm -f "$source/.git"  # it names a repository that is not there

say "building llama-server and llama-perplexity with $jobs jobs: some eight minutes on two cores"
log=$work/build.log
if ! {
    cmake -S "$source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF \
        -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_NUMBER=0 -DLLAMA_BUILD_COMMIT="llama-cpp-python-$version" "$@" &&
        cmake --build "$work/build" --target llama-server llama-perplexity --parallel "$jobs"
} >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    say "the build failed; the end of its log stands above"
    exit 1
fi

mkdir "$work/out"
mv "$work/build/bin/llama-server" "$work/build/bin/llama-perplexity" "$work/out/"
if ! mv -T "$work/out" "$built" 2>/dev/null; then
    there || { say "$built is in the way and holds no llama-server: remove it"; exit 1; }  # another one was faster
fi
echo "$built"
