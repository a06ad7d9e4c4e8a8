"""Registry, modules, stand-ins, benches and documentation name the same providers."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

from managed_files import providers, sandbox
from managed_files.dialects.registry import DIALECTS
from managed_files.providers.base import Provider
from managed_files.providers.compatible import COMPATIBLE
from managed_files.providers.registry import CATALOG, PROVIDERS
from managed_files.sandbox.server import Server
from tests.contract.benches import BENCHES

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-provider.md"


def defined_in(package: ModuleType, base: type) -> dict[type, str]:
    """Every concrete subclass of `base` in the package, with the name of the module that defines it."""
    names = [f"{package.__name__}.{info.name}" for info in pkgutil.iter_modules(package.__path__)]
    classes = [(item, name) for name in names for item in vars(importlib.import_module(name)).values()]
    return {
        item: name.rpartition(".")[2]
        for item, name in classes
        if inspect.isclass(item) and issubclass(item, base) and item.__module__ == name and not inspect.isabstract(item)
    }


def test_every_adapter_is_registered_under_the_name_of_its_module() -> None:
    named = {adapter: module for adapter, module in defined_in(providers, Provider).items() if hasattr(adapter, "name")}
    rows = {adapter.name: adapter for adapter in COMPATIBLE}
    assert {module: adapter for adapter, module in named.items()} | rows == PROVIDERS


def test_every_adapter_has_a_bench() -> None:
    assert [bench.name for bench in BENCHES] == list(PROVIDERS)


def test_every_stand_in_is_used() -> None:
    assert {bench.stand_in for bench in BENCHES} == defined_in(sandbox, Server).keys() - {Server}


def test_every_adapter_has_its_paragraph() -> None:
    assert re.findall(r"^### `(\w+)`", PAGE.read_text("utf-8"), re.MULTILINE) == list(PROVIDERS)


def test_every_dialect_that_an_adapter_speaks_exists() -> None:
    assert {adapter.dialect for adapter in PROVIDERS.values()} <= DIALECTS.keys()


def test_every_prefix_leads_to_its_adapter() -> None:
    told = [(prefix, adapter.name) for adapter in PROVIDERS.values() for prefix in adapter.prefixes]
    assert sorted(CATALOG.names.items()) == sorted(told)
