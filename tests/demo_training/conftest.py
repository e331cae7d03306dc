"""How the demo model is trained: nothing that a person meets on the page, and a minute's work."""

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if "demo_training" in item.path.parts:
            item.add_marker(pytest.mark.slow)
