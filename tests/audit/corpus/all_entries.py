"""The whole corpus."""

from tests.audit.corpus import broken_masks, honest

ENTRIES = (*honest.ENTRIES, *broken_masks.ENTRIES)
