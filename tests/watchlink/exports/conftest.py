"""A format whose library is not installed here is not tried."""

from __future__ import annotations

import pytest

from watchlink.exports.formats import FORMATS, ExportFormat

_MODULES = {ExportFormat.EDF: "pyedflib", ExportFormat.FIT: "fit_tool", ExportFormat.PARQUET: "pyarrow"}


@pytest.fixture(autouse=True)
def library(request: pytest.FixtureRequest) -> None:
    """Of the format `to`, where a test is run for several."""
    params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    to = params.get("to")
    if to in _MODULES:
        pytest.importorskip(_MODULES[to], reason=f"pip install 'watchlink[{FORMATS[to].extra}]'")
