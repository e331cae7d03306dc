"""Answer forms: one declaration writes an answer, reads it back, and says its unit and its smallest step.

A form is a way to write a time (:mod:`.times`) in a shape that holds windows (:mod:`.shapes`).
"""
