"""A view of rows that leaves the page: one HTML file that needs nothing else."""
