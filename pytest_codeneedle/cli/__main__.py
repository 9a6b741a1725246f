"""The command `codeneedle` as `python -m pytest_codeneedle.cli`."""

from __future__ import annotations

import sys

from pytest_codeneedle.cli import main

sys.exit(main())
