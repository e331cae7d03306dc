"""The whole corpus."""

from tests.audit.corpus import broken_masks, broken_words, honest

ENTRIES = (*honest.ENTRIES, *broken_masks.ENTRIES, *broken_words.ENTRIES)
