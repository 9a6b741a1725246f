"""Its place: pytest puts a conftest's folder on `sys.path`, so unit and integration import `php_tree`.

And no example of hypothesis has a deadline: no test asserts a time, and a machine may be busy.
"""

from __future__ import annotations

import contextlib

# `pytest --kv-grid` in a checkout reads this file too, and needs no more than the extra `embedded`.
with contextlib.suppress(ModuleNotFoundError):
    from hypothesis import settings

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
