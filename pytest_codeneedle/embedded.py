"""The door to llama.cpp's own server in the `xllamacpp` wheel: `python -m pytest_codeneedle.embedded`."""

from __future__ import annotations

from pytest_codeneedle.server.embedded import main

if __name__ == "__main__":
    main()
