"""The page as tools of a model; skipped without the package ``mcp``, unless ``VTG_REQUIRE=mcp`` demands it."""
