"""pytest's face of the grid: hooks only, each of them a line or two of delegation.

The module is loaded into every pytest run of its environment. Without --kv-grid it registers options and fixtures
and does nothing else; what the grid needs is imported when it is asked for.
"""

from __future__ import annotations

import pytest

from pytest_codeneedle.plugin import options
from pytest_codeneedle.plugin.fixtures import (  # noqa: F401 - fixtures are found by being here
    kv_cell,
    kv_corpus,
    kv_function,
    kv_pair,
    kv_settings,
    launch_llama_server,
    llama_server,
    llama_server_args,
    recall,
    running_cell,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini keys, in one group."""
    options.add_options(parser)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """With --kv-dry-run there is no session: the plan is printed, as --help prints."""
    if not options.is_dry(config):
        return None
    from pytest_codeneedle.plugin.dry_run import dry_run  # noqa: PLC0415 - a plain pytest run pays for no import

    return dry_run(config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """With --kv-grid, bring in the rest; on workers too, for xdist sends them the original arguments."""
    if options.is_on(config):
        from pytest_codeneedle.plugin.hooks import GridPlugin  # noqa: PLC0415 - a plain pytest run pays for no import

        config.pluginmanager.register(GridPlugin(config), "codeneedle-grid")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """`-n auto`: with --kv-grid as many servers as GPUs or cores bear; xdist asks before pytest_configure."""
    if not options.is_on(config):
        return None
    from pytest_codeneedle.plugin.auto_workers import auto_workers  # noqa: PLC0415 - a plain pytest run pays for no import

    return auto_workers(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Without --kv-grid a test that uses the grid's fixtures is one skipped item."""
    if "kv_cell" in metafunc.fixturenames and not options.is_on(metafunc.config):
        names = [name for name in ("kv_cell", "kv_function") if name in metafunc.fixturenames]
        metafunc.parametrize(names, [(None,) * len(names)], indirect=True, scope="session", ids=["no-grid"])
