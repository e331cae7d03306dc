"""Readers of common annotation files: one small module for each family of formats, chosen by what a file holds."""
