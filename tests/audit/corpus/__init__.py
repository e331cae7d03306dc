"""Collators that are right and collators that are wrong, built of small parts: how sure the audit is, as figures."""
