"""Text with regions becomes ids with regions and labels, proved on the ids. No batch, no model."""
