"""The whole corpus."""

from tests.audit.corpus import broken_batches, broken_masks, broken_video, broken_words, foreign_paths, honest

ENTRIES = (*honest.ENTRIES, *broken_masks.ENTRIES, *broken_words.ENTRIES, *broken_video.ENTRIES, *broken_batches.ENTRIES, *foreign_paths.ENTRIES)
