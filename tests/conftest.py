"""Its place: pytest puts a conftest's folder on `sys.path`, so unit and integration import `php_tree`.

And no example of hypothesis has a deadline: no test asserts a time, and a machine may be busy. Hundreds of sessions are
started here: where Python is told to keep no compiled modules, each would compile all of them anew, which is most of
what it does.
"""

from __future__ import annotations

import contextlib
import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# `pytest --kv-grid` in a checkout reads this file too, and needs no more than the extra `embedded`.
with contextlib.suppress(ModuleNotFoundError):
    from hypothesis import settings

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
