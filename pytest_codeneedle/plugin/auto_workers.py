"""`-n auto`: how many workers pytest-xdist starts for the grid."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_codeneedle.core.devices import VARIABLES
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.plugin.read_settings import read_settings
from pytest_codeneedle.plugin.terminal import usage_error
from pytest_codeneedle.server.capacity import gpus, servers_at_once
from pytest_codeneedle.server.program import find_program
from pytest_codeneedle.sweep.plan import chosen_model

if TYPE_CHECKING:
    import pytest

    from pytest_codeneedle.sweep.settings import Settings


def auto_workers(config: pytest.Config) -> int | None:
    """One worker per device: of --kv-devices, else of those that the server lists; without any, as cores bear.

    GPUs that are found are settled as --kv-devices. None where xdist's own environment variable says how many.
    Raises pytest.UsageError, as xdist asks this before the grid is configured.
    """
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    try:
        settings = read_settings(config)
        if settings.endpoint is not None:
            return 1
        devices = settings.devices or _found(config, settings)
        if devices:
            return len(devices)
        program = find_program(settings.server)
        return servers_at_once(program, chosen_model(settings, program), settings.server_args)
    except ConfigurationError as error:
        raise usage_error(error) from error


def _found(config: pytest.Config, settings: Settings) -> tuple[str, ...]:
    program = find_program(settings.server)
    if any(name in dict(program.environment) for name in VARIABLES):
        return ()
    devices = gpus(program)
    config.option.kv_devices = ",".join(devices) or None
    return devices
