"""A folder of results, looked at a page of rows at a time."""
